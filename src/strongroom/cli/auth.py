"""``auth``: enable, tune, move, list, explain and disable auth methods."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.mount import (
    ENABLED,
    TOKEN_TYPE,
    TUNED,
    detailed_table,
    enabling,
    entries,
    mount_path,
    move,
    retuning,
    simple_table,
)
from strongroom.cli.options import FORMATTED, HTTP
from strongroom.cli.output import print_data
from strongroom.cli.value import go_duration

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

LOCKOUT = (
    Flag(
        "user-lockout-counter-reset-duration",
        "duration",
        "After this long without a failure, count from nought.",
    ),
    Flag("user-lockout-disable", "bool", "Never lock a user out."),
    Flag("user-lockout-duration", "duration", "How long a user stays locked out."),
    Flag("user-lockout-threshold", "int", "How many failed logins lock a user out."),
)
LOGINS = {
    "token": "The argument is the token: {name} login TOKEN. lookup=false skips looking it up.",
    "userpass": "username=NAME, and password=WORD or the prompt.",
    "ldap": "username=NAME, and password=WORD, STRONGROOM_LDAP_PASSWORD or the prompt.",
    "radius": "username=NAME, and password=WORD or the prompt.",
    "cert": "The certificate of -client-cert and -client-key; name=ROLE narrows the roles tried.",
    "kubernetes": "role=NAME, and jwt=TOKEN or the pod's own service account.",
    "approle": "role_id=ID, and secret_id=ID where the role wants one.",
    "jwt": "role=NAME and jwt=TOKEN.",
    "github": "token=TOKEN, VAULT_AUTH_GITHUB_TOKEN or the prompt.",
}


@commands.add("auth enable", "TYPE", flags=(*HTTP, *ENABLED, TOKEN_TYPE), count=(1, 1))
def enable(session: Session) -> int:
    """Enable an auth method.

    It is mounted at the name of its type unless -path says otherwise.

        $ {name} auth enable -path=people ldap
    """
    kind = session.arguments[0].strip()
    path = mount_path(session.flags["path"] or session.flags["plugin-name"] or kind)
    with doing(f"Error enabling {kind} auth"):
        session.client.write(f"sys/auth/{path.rstrip('/')}", enabling(session, kind), "POST")
    return session.succeed(f"Enabled {kind} auth method at: {path}")


@commands.add("auth disable", "PATH", flags=HTTP, count=(1, 1))
def disable(session: Session) -> int:
    """Disable the auth method at PATH: every token it gave is revoked.

    $ {name} auth disable people
    """
    path = mount_path(session.arguments[0])
    with doing(f"Error disabling auth method at {path}"):
        session.client.delete(f"sys/auth/{path.rstrip('/')}")
    return session.succeed(f"Disabled the auth method (if it existed) at: {path}")


@commands.add("auth list", flags=(*FORMATTED, Flag("detailed", "bool", "Show settings too.")))
def list_methods(session: Session) -> int:
    """List the enabled auth methods.

    $ {name} auth list -detailed
    """
    with doing("Error listing enabled authentications"):
        mounts = entries(session.client.read("sys/auth"))
    if session.format != "table":
        return print_data(session, mounts)
    detailed = session.flags["detailed"]
    session.terminal.page(
        detailed_table(mounts, methods=True) if detailed else simple_table(mounts, ("Version",))
    )
    return 0


@commands.add("auth move", "SOURCE DESTINATION", flags=HTTP, count=(2, 2))
def move_method(session: Session) -> int:
    """Move an auth method with its users and roles to another path.

    $ {name} auth move people staff
    """
    source, target = map(mount_path, session.arguments)
    return move(session, "auth method", source, target, "auth/")


@commands.add("auth tune", "PATH", flags=(*HTTP, *TUNED, TOKEN_TYPE, *LOCKOUT), count=(1, 1))
def tune(session: Session) -> int:
    """Change settings of the auth method at PATH.

    $ {name} auth tune -max-lease-ttl=24h people
    """
    path = mount_path(session.arguments[0])
    body = retuning(session)
    if lockout := _lockout(session):
        body["user_lockout_config"] = lockout
    with doing(f"Error tuning auth method {path}"):
        session.client.write(f"sys/mounts/auth/{path}tune", body, "POST")
    return session.succeed(f"Tuned the auth method at: {path}")


def _lockout(session: Session) -> dict[str, object]:
    flags = session.flags
    wishes: dict[str, object] = {}
    if flags["user-lockout-threshold"] is not None:
        wishes["lockout_threshold"] = str(flags["user-lockout-threshold"])
    for name in ("duration", "counter-reset-duration"):
        if flags[f"user-lockout-{name}"] is not None:
            wishes[f"lockout_{name.replace('-', '_')}"] = go_duration(flags[f"user-lockout-{name}"])
    if "user-lockout-disable" in flags.given:
        wishes["lockout_disable"] = flags["user-lockout-disable"]
    return wishes


@commands.add("auth help", "TYPE | PATH", flags=HTTP, count=(1, 1))
def login_help(session: Session) -> int:
    """Say what a login through an auth method needs.

    The argument is a type, or the path of an enabled method.

        $ {name} auth help userpass
    """
    kind = session.arguments[0].strip()
    if kind not in LOGINS:
        path = mount_path(kind)
        with doing("Error listing auth methods"):
            mounts = entries(session.client.read("sys/auth"))
        if path not in mounts:
            raise Failure(f'No auth method available on the server at "{path}"', 1)
        kind = mounts[path]["type"]
    if kind not in LOGINS:
        raise Failure(
            f'The method "{kind}" is used through its API; see "{session.name} path-help auth/{kind}"', 1
        )
    session.print(f"Usage: {session.name} login -method={kind} [K=V...]\n")
    session.print(f"  {LOGINS[kind].replace('{name}', session.name)}")
    return 0
