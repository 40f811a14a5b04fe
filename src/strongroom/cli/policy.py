"""``policy``: list, read, write, format and delete policies."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.options import FORMATTED, HTTP
from strongroom.cli.output import print_data

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

API = "sys/policies/acl"


@commands.add("policy list", flags=FORMATTED)
def list_policies(session: Session) -> int:
    """List the names of the policies."""
    with doing("Error listing policies"):
        answer = session.client.list(API) or {}
    names = sorted((answer.get("data") or {}).get("keys") or [])
    if session.format != "table":
        return print_data(session, names)
    session.terminal.page("\n".join(names))
    return 0


@commands.add("policy read", "NAME", flags=FORMATTED, count=(1, 1))
def read(session: Session) -> int:
    """Print a policy.

    $ {name} policy read deploy
    """
    name = session.arguments[0].strip().lower()
    with doing(f"Error reading policy named {name}"):
        answer = session.client.read(f"{API}/{name}")
    if not answer or not answer.get("data"):
        raise Failure(f"No policy named: {name}")
    text = answer["data"].get("policy", "")
    if session.format != "table":
        return print_data(session, {"policy": text})
    session.print(text.strip())
    return 0


@commands.add("policy write", "NAME FILE", flags=HTTP, count=(2, 2))
def write(session: Session) -> int:
    """Create or replace a policy from FILE, or from standard input when FILE is -.

    $ {name} policy write deploy deploy.hcl
    """
    name, path = session.arguments[0].strip().lower(), session.arguments[1]
    text = session.terminal.read_all() if path == "-" else _text(path, "Error opening policy file", 2)
    with doing("Error uploading policy"):
        session.client.write(f"{API}/{name}", {"policy": text})
    return session.succeed(f"Uploaded policy: {name}")


def _text(path: str, trouble: str, code: int) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is slow to import)
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not text"
        raise Failure(f"{trouble}: open {path}: {reason}", code) from error


@commands.add("policy delete", "NAME", flags=HTTP, count=(1, 1))
def delete(session: Session) -> int:
    """Delete a policy. Tokens that have it lose what it gave, at once.

    $ {name} policy delete deploy
    """
    name = session.arguments[0].strip().lower()
    with doing(f"Error deleting {name}"):
        session.client.delete(f"{API}/{name}")
    return session.succeed(f"Deleted policy: {name}")


@commands.add("policy fmt", "FILE", flags=HTTP, count=(1, 1))
def fmt(session: Session) -> int:
    """Rewrite a policy file in the canonical layout.

    $ {name} policy fmt deploy.hcl
    """
    from strongroom.errors import StrongroomError  # noqa: PLC0415 (only fmt parses)
    from strongroom.hcl.parser import parse  # noqa: PLC0415 (as above)
    from strongroom.hcl.printer import dump  # noqa: PLC0415 (as above)

    path = session.arguments[0]
    text = _text(path, "Error reading source file", 1)
    try:
        laid_out = dump(parse(text))
    except (StrongroomError, ValueError) as error:
        raise Failure(f"failed to parse policy: {error}", 1) from error
    try:
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 (as above)
            file.write(laid_out)
    except OSError as error:
        raise Failure(f"Error writing result: {error.strerror}", 1) from error
    return session.succeed(f"Formatted policy: {path}")
