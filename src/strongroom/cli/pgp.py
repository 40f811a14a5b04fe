"""Public PGP keys from files, as the API takes them: base64 of the binary form."""

from __future__ import annotations

import base64
import binascii

from strongroom.cli.command import Failure

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Iterable

BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
END = b"-----END PGP PUBLIC KEY BLOCK-----"


def public_keys(entries: Iterable[str]) -> list[str]:
    """The keys named by ``entries``, each a comma-separated list of files. Raises Failure."""
    return [public_key(name.strip()) for entry in entries for name in entry.split(",") if name.strip()]


def public_key(name: str) -> str:
    """The key in the file ``name``: armored, binary, or base64 already."""
    if name.startswith("keybase:"):
        raise Failure(
            f"{name}: Keybase is not asked for keys. Save the public key to a file and name the file.", 1
        )
    try:
        with open(name.removeprefix("@"), "rb") as file:  # noqa: PTH123 (pathlib is slow to import)
            content = file.read()
    except OSError as error:
        raise Failure(f"error reading PGP key {name}: {(error.strerror or '').lower()}", 1) from error
    if BEGIN in content:
        content = _dearmored(content, name)
    elif content[:1] < b"\x80":
        # Not a packet (RFC 9580, 4.2: the top bit is set), so it must be base64 of some.
        content = _decoded(content, name)
    if content[:1] < b"\x80":
        raise Failure(f"{name} does not hold a PGP public key", 1)
    return base64.b64encode(content).decode()


def _dearmored(content: bytes, name: str) -> bytes:
    """The binary form of ASCII armor (RFC 9580, 6.2): headers, a blank line, base64, checksum."""
    inside = content.partition(BEGIN)[2].partition(END)[0].replace(b"\r\n", b"\n")
    lines = [line.strip() for line in inside.split(b"\n")]
    start = next((index + 1 for index, line in enumerate(lines) if index and not line), 0)
    return _decoded(b"".join(line for line in lines[start:] if not line.startswith(b"=")), name)


def _decoded(text: bytes, name: str) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise Failure(f"{name} does not hold a PGP public key", 1) from None
