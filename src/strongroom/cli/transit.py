"""``transit``: bring keys from elsewhere, wrapped before they leave this machine."""

from __future__ import annotations

from strongroom.cli.assignment import parse_data, reason
from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.options import HTTP

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

_WORDS = "PATH KEY [K=V...]"


@commands.add("transit import", _WORDS, flags=HTTP, count=(2, None))
def import_(session: Session) -> int:
    """Bring a key from elsewhere as a new key at PATH.

    KEY is the key in base64, or @FILE with that in it: a symmetric key as it is,
    another as PKCS #8. It is wrapped here, for the wrapping key of the mount, so
    that nobody on the way sees it. K=V words say what else the key should be.

        $ {name} transit import transit/keys/orders @key.b64 type=aes256-gcm96
    """
    return _send(session, "import")


@commands.add("transit import-version", _WORDS, flags=HTTP, count=(2, None))
def import_version(session: Session) -> int:
    """Bring the next version of an imported key, as import brings the first.

    $ {name} transit import-version transit/keys/orders @key.b64
    """
    return _send(session, "import_version")


def _send(session: Session, operation: str) -> int:
    path, key, *words = session.arguments
    mount, keys, name = path.strip("/").rpartition("/keys/")
    if not keys or not mount or not name or "/" in name:
        raise Failure("expected transit path and key name in the form :path:/keys/:name:", 1)
    material = _material(key)
    data = parse_data(words, session.terminal)
    with doing("failed to fetch wrapping key"):
        answer = session.client.read(f"{mount}/wrapping_key")
    if answer is None:
        raise Failure(f"no wrapping key found at {mount}/wrapping_key")
    data["ciphertext"] = _wrapped(answer["data"]["public_key"], material, data.get("hash_function", "SHA256"))
    with doing(f"failed to call {operation}"):
        session.client.write(f"{mount}/keys/{name}/{operation}", data)
    session.print(f"Success! The key is at {path}")
    return 0


def _material(word: str) -> bytes:
    """The key that a word holds or names. Raises Failure."""
    from base64 import b64decode  # noqa: PLC0415 (rare)

    if word.startswith("@"):
        try:
            with open(word[1:], encoding="ascii") as file:  # noqa: PTH123 (pathlib is slow to import)
                word = file.read()
        except OSError as error:
            raise Failure(f"error reading key material file: open {word[1:]}: {reason(error)}", 1) from error
        except UnicodeDecodeError:
            raise Failure("error reading key material file: it does not hold base64", 1) from None
    try:
        return b64decode("".join(word.split()), validate=True)
    except ValueError:
        raise Failure("error base64 decoding source key material", 1) from None


def _wrapped(public: str, material: bytes, hash_name: str) -> str:
    from base64 import b64encode  # noqa: PLC0415 (rare)

    from strongroom.crypto import keywrap, private_key  # noqa: PLC0415 (slow to import, and rarely needed)

    if hash_name not in keywrap.HASHES:
        raise Failure(f"hash_function must be one of {', '.join(keywrap.HASHES)}", 1)
    try:
        destination = private_key.load_public(public.encode())
        made = keywrap.wrap(destination, material, hash_name)  # type: ignore[arg-type]  # anything else fails
    except (ValueError, AttributeError):
        raise Failure("the wrapping key of the mount cannot be used") from None
    return b64encode(made).decode()
