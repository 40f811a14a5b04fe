"""``token`` and ``print token``."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED, FORMATTED, HTTP
from strongroom.cli.output import print_data, print_secret
from strongroom.cli.value import go_duration

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

ACCESSOR = Flag("accessor", "bool", "The argument is an accessor, not a token.")
CREATE = (
    Flag("display-name", "string", "Name shown in audit logs."),
    Flag("entity-alias", "string", "Entity alias the token belongs to. Needs -role."),
    Flag("explicit-max-ttl", "duration", "End of life that no renewal can pass."),
    Flag("id", "string", "The token itself instead of a random one. Needs sudo."),
    Flag("metadata", "map", "Metadata for audit logs, key=value. May be repeated."),
    Flag("no-default-policy", "bool", "Leave out the policy named default."),
    Flag("orphan", "bool", "No parent: revoking the creator leaves the token alive."),
    Flag("period", "duration", "Each renewal gives this much; there is no maximum."),
    Flag("policy", "list", "Policy of the token. May be repeated."),
    Flag("renewable", "bool", "Whether the token can be renewed.", default=True),
    Flag("role", "string", "Token role to create it by."),
    Flag("ttl", "duration", "How long the token lives."),
    Flag("type", "string", "service or batch.", default="service"),
    Flag("use-limit", "int", "How many requests the token may make."),
)
INCREMENT = Flag(
    "increment", "duration", "How much longer it should live. The server may give less.", aliases=("i",)
)


@commands.add("token create", flags=(*FIELDED, *CREATE))
def create(session: Session) -> int:
    """Create a token.

    It is a child of the token that asks, with the same policies unless told otherwise,
    and is revoked with it.

        $ {name} token create -policy=deploy -ttl=1h
    """
    role = session.flags["role"]
    path = f"auth/token/create/{role}" if role else "auth/token/create"
    with doing("Error creating token"):
        secret = session.client.write(path, _wishes(session), "POST")
    return print_secret(session, secret)


def _wishes(session: Session) -> dict[str, Any]:
    flags = session.flags
    wishes: dict[str, Any] = {
        "policies": flags["policy"],
        "meta": flags["metadata"],
        "no_parent": flags["orphan"],
        "no_default_policy": flags["no-default-policy"],
        "renewable": flags["renewable"],
        "display_name": flags["display-name"],
        "entity_alias": flags["entity-alias"],
        "id": flags["id"],
        "num_uses": flags["use-limit"],
        "type": flags["type"],
    }
    for name in ("ttl", "explicit-max-ttl", "period"):
        if flags[name]:
            wishes[name.replace("-", "_")] = go_duration(flags[name])
    return {
        key: value
        for key, value in wishes.items()
        if value not in (None, "", [], {}, False) or key == "renewable"
    }


@commands.add("token lookup", "[TOKEN | ACCESSOR]", flags=(*FIELDED, ACCESSOR), count=(0, 1))
def lookup(session: Session) -> int:
    """Show what is known about a token; without argument about one's own.

    $ {name} token lookup -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da
    """
    target = _target(session)
    with doing("Error looking up token"):
        if not target:
            secret = session.client.read("auth/token/lookup-self")
        elif session.flags["accessor"]:
            secret = session.client.write("auth/token/lookup-accessor", {"accessor": target}, "POST")
        else:
            secret = session.client.write("auth/token/lookup", {"token": target}, "POST")
    if secret is None:
        raise Failure("No token found")
    return print_secret(session, secret)


@commands.add("token renew", "[TOKEN]", flags=(*FORMATTED, ACCESSOR, INCREMENT), count=(0, 1))
def renew(session: Session) -> int:
    """Let a token live longer; without argument one's own.

    $ {name} token renew -increment=30m
    """
    target = _target(session)
    body: dict[str, Any] = {}
    if session.flags["increment"]:
        body["increment"] = go_duration(session.flags["increment"])
    with doing("Error renewing token"):
        if not target:
            secret = session.client.write("auth/token/renew-self", body)
        elif session.flags["accessor"]:
            secret = session.client.write("auth/token/renew-accessor", {"accessor": target, **body}, "POST")
        else:
            secret = session.client.write("auth/token/renew", {"token": target, **body})
    return print_secret(session, secret or {})


def _target(session: Session) -> str:
    target = session.arguments[0].strip() if session.arguments else ""
    if session.flags["accessor"] and not target:
        raise Failure("Not enough arguments with -accessor (expected 1, got 0)", 1)
    return target


@commands.add(
    "token revoke",
    "[TOKEN | ACCESSOR]",
    flags=(
        *HTTP,
        ACCESSOR,
        Flag("mode", "string", "orphan: spare the children; path: every token made at this path."),
        Flag("self", "bool", "Revoke the token this command is run with."),
    ),
    count=(0, None),
)
def revoke(session: Session) -> int:
    """Revoke a token, and with it its children and their leases.

    $ {name} token revoke -self
    $ {name} token revoke -mode=orphan s.96ddf4bcd217f3baf9bd01
    """
    path, body = _revocation(session)
    with doing("Error revoking token"):
        session.client.write(path, body, "PUT" if path == "auth/token/revoke-self" else "POST")
    return session.succeed("Revoked token (if it existed)")


def _revocation(session: Session) -> tuple[str, dict[str, str] | None]:
    words, flags = session.arguments, session.flags
    if flags["self"]:
        if words:
            raise Failure(f"Too many arguments with -self (expected 0, got {len(words)})", 1)
        return "auth/token/revoke-self", None
    if not words:
        raise Failure("Not enough arguments (expected 1 or -self, got 0)", 1)
    if len(words) > 1:
        raise Failure(f"Too many arguments (expected 1 or -self, got {len(words)})", 1)
    return _revocation_of(words[0].strip(), flags["mode"] or "", accessor=flags["accessor"])


def _revocation_of(target: str, mode: str, *, accessor: bool) -> tuple[str, dict[str, str] | None]:
    if accessor and mode == "orphan":
        raise Failure("Cannot use -accessor with -mode=orphan", 1)
    if accessor and mode == "path":
        raise Failure("Cannot use -accessor with -mode=path", 1)
    if accessor:
        return "auth/token/revoke-accessor", {"accessor": target}
    if mode == "":
        return "auth/token/revoke", {"token": target}
    if mode == "orphan":
        return "auth/token/revoke-orphan", {"token": target}
    if mode == "path":
        return f"sys/leases/revoke-prefix/{target}", None
    raise Failure(f"Invalid mode: {mode}", 1)


@commands.add("token capabilities", "[TOKEN] PATH", flags=FORMATTED, count=(1, 2))
def capabilities(session: Session) -> int:
    """Show what a token may do at PATH; without TOKEN one's own.

    $ {name} token capabilities secret/data/app
    """
    *tokens, path = session.arguments
    where = "sys/capabilities" if tokens else "sys/capabilities-self"
    body = {"path": path, **({"token": tokens[0]} if tokens else {})}
    with doing("Error listing capabilities"):
        answer = session.client.write(where, body, "POST") or {}
    found = answer.get("capabilities") or (answer.get("data") or {}).get("capabilities")
    if found is None:
        raise Failure("No capabilities found")
    if session.format != "table":
        return print_data(session, sorted(found))
    session.print(", ".join(sorted(found)))
    return 0


@commands.add("print token", flags=HTTP)
def print_token(session: Session) -> int:
    """Print the token that commands of this session send.

    It comes from the environment or from the last login.
    """
    session.print(session.client.token)
    return 0
