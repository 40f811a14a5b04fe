"""The verbs of the API itself: read, write, patch, delete, list, scan, unwrap, path-help."""

from __future__ import annotations

from strongroom.cli.assignment import parse_data, query_of
from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED, FORMATTED
from strongroom.cli.output import print_data, print_field, print_keys, print_secret, warn

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

FORCE = Flag("force", "bool", "Send the request even though there is no data.", aliases=("f",))
LISTING = (
    Flag("detailed", "bool", "Show what is known about each name, in columns.", env="DETAILED"),
    Flag("after", "string", "Begin after this name."),
    Flag("limit", "int", "Show at most so many names.", default=-1),
)


@commands.add("read", "PATH [K=V...]", flags=FIELDED, count=(1, None))
def read(session: Session) -> int:
    """Read what is at PATH.

    Most secrets engines answer a read: with a stored secret, with freshly made
    credentials, or with their configuration. K=V words become query parameters.

        $ {name} read database/creds/readonly
        $ {name} read -field=certificate pki/cert/ca
    """
    path, *words = session.arguments
    query = query_of(parse_data(words, session.terminal))
    if session.format == "raw":
        return _read_raw(session, path, query)
    with doing(f"Error reading {path}"):
        secret = session.client.read(path, query)
    if secret is None:
        raise Failure(f"No value found at {path}")
    return print_secret(session, secret)


def _read_raw(session: Session, path: str, query: dict[str, str | list[str]]) -> int:
    from strongroom.client.request import Request  # noqa: PLC0415 (rare)

    with doing(f"Error reading {path}"):
        response = session.client.send(Request("GET", path, query=query))
    session.print(response.body.decode(errors="replace"))
    return 0


@commands.add("write", "PATH [DATA K=V...]", flags=(*FIELDED, FORCE), count=(1, None))
def write(session: Session) -> int:
    """Write data to PATH.

    DATA is K=V words. A value of @file is read from a file and - from standard input;
    @file.json or - alone give a whole JSON object. Values on a command line are seen by
    other users of the machine: prefer a file or standard input for secrets.

        $ {name} write transit/encrypt/orders plaintext=@order.b64
        $ echo -n "$PASSWORD" | {name} write auth/userpass/users/ann password=-
        $ {name} write -force transit/keys/orders/rotate
    """
    return _send_data(session, lambda path, data: session.client.write(path, data or None))


@commands.add("patch", "PATH [DATA K=V...]", flags=(*FIELDED, FORCE), count=(1, None))
def patch(session: Session) -> int:
    """Change parts of what is at PATH and keep the rest.

    DATA is given as for write and merged into what is there (RFC 7396): a null in a JSON
    object removes the field. Not every path can be patched.

        $ {name} patch pki/roles/web ttl=72h
    """
    return _send_data(session, session.client.patch)


def _send_data(session: Session, send: Any) -> int:
    path, *words = session.arguments
    data = parse_data(words, session.terminal)
    if not data and not session.flags["force"]:
        raise Failure("Must supply data or use -force", 1)
    with doing(f"Error writing data to {path}"):
        secret = send(path, data)
    if secret is None:
        if session.format == "table":
            session.succeed(f"Data written to: {path}")
        return 0
    return print_secret(session, secret)


@commands.add("delete", "PATH [K=V...]", flags=FIELDED, count=(1, None))
def delete(session: Session) -> int:
    """Delete what is at PATH.

    What that means is the engine's business: a secret, a role, a configuration. Nothing
    being there is no error. K=V words become query parameters.

        $ {name} delete database/roles/readonly
    """
    path, *words = session.arguments
    query = query_of(parse_data(words, session.terminal))
    with doing(f"Error deleting {path}"):
        secret = session.client.delete(path, query)
    return deleted(session, path, secret)


def deleted(session: Session, path: str, secret: Any) -> int:
    """Ends a deletion: with the server's answer, or with a sentence."""
    if secret is not None:
        return print_secret(session, secret)
    if session.format == "table":
        session.succeed(f"Data deleted (if it existed) at: {path}")
    return 0


@commands.add("list", "PATH", flags=(*FORMATTED, *LISTING), count=(1, 1))
def list_names(session: Session) -> int:
    """List the names directly below PATH.

    A name that ends in a slash has more below it.

        $ {name} list auth/approle/role
        $ {name} list -after=host100 -limit=50 secret/metadata/hosts
    """
    path = session.arguments[0]
    with doing(f"Error listing {path.rstrip('/')}"):
        secret = session.client.list(path.rstrip("/"), paging(session))
    return show_listing(session, secret, path)


@commands.add("scan", "PATH", flags=(*FORMATTED, *LISTING), count=(1, 1))
def scan(session: Session) -> int:
    """List the names at all levels below PATH.

    Needs the capability scan on the path, which list does not include.

        $ {name} scan secret/metadata
    """
    path = session.arguments[0]
    with doing(f"Error scanning {path.rstrip('/')}"):
        secret = session.client.scan(path.rstrip("/"), paging(session))
    return show_listing(session, secret, path)


def paging(session: Session) -> dict[str, str]:
    """The query parameters of -after and -limit."""
    query = {}
    if session.flags.get("after"):
        query["after"] = session.flags["after"]
    if session.flags.get("limit", -1) >= 0:
        query["limit"] = str(session.flags["limit"])
    return query


def show_listing(session: Session, secret: Any, path: str, empty: str = "") -> int:
    """Prints a listing, or says that there is none (``empty``) with exit code 2."""
    keys = (secret or {}).get("data", {}).get("keys") if secret and secret.get("data") else None
    if secret:
        warn(session, secret)
    if keys is None and secret and secret.get("warnings") and session.format == "table":
        return 0
    if keys is None:
        if session.format != "table":
            print_data(session, {})
            return 2
        raise Failure(empty or f"No value found at {path.rstrip('/')}")
    details = secret["data"].get("key_info")
    if session.flags.get("detailed") and details and session.format == "table":
        return _show_details(session, keys, details)
    if session.flags.get("detailed") and details:
        return print_data(session, secret["data"])
    return print_keys(session, sorted(keys))


def _show_details(session: Session, keys: list[str], details: dict[str, Any]) -> int:
    from strongroom.cli.table import table  # noqa: PLC0415 (rare)
    from strongroom.cli.value import plain  # noqa: PLC0415 (rare)

    names = sorted({name for key in keys for name in details.get(key) or {}})
    rows = [[key, *(plain((details.get(key) or {}).get(name)) for name in names)] for key in keys]
    session.terminal.page(table(("Keys", *names), rows))
    return 0


@commands.add("unwrap", "[TOKEN]", flags=FIELDED, count=(0, 1))
def unwrap(session: Session) -> int:
    """Open an answer that was wrapped in a one-time token.

    TOKEN is the wrapping token; without it the token of this session is one. An answer
    can be opened once: if somebody else already did, this fails.

        $ {name} unwrap s.ccoXGm3TkhXJ6yTO7FcYDxaM
    """
    token = session.arguments[0].strip() if session.arguments else ""
    client = session.client
    body = {"token": token} if token and client.token else None
    if token and not client.token:
        client.token = token
    with doing("Error unwrapping"):
        secret = client.write("sys/wrapping/unwrap", body)
    if secret is None:
        raise Failure("No value found")
    return print_field(session, secret) if session.field else print_secret(session, secret)


@commands.add("path-help", "PATH", flags=FORMATTED, count=(1, 1))
def path_help(session: Session) -> int:
    """Describe PATH in the words of whatever is mounted there.

    A mount describes its paths, a path its fields and operations.

        $ {name} path-help pki/roles/web
    """
    from strongroom.client.request import Request  # noqa: PLC0415 (loaded with the client)

    path = session.arguments[0]
    with doing("Error retrieving help"):
        answer = session.client.send(Request("GET", path, query={"help": "1"})).json() or {}
    if session.format == "json":
        return print_data(session, answer.get("openapi", answer))
    if session.format != "table":
        return print_data(session, answer)
    session.terminal.page(str(answer.get("help", "")).strip())
    return 0
