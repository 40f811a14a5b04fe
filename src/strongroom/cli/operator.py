"""``operator``: initialise, unseal and seal a server; look after its keys and nodes."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FORMATTED, HTTP
from strongroom.cli.output import print_data
from strongroom.cli.table import columns, pairs, table
from strongroom.cli.value import plain

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

INIT = (
    Flag("key-shares", "int", "How many shares the unseal key is split into.", shown="5", aliases=("n",)),
    Flag("key-threshold", "int", "How many shares unseal.", shown="3", aliases=("t",)),
    Flag(
        "pgp-keys", "list", "Files with the operators' public keys, one for each share, separated by commas."
    ),
    Flag("root-token-pgp-key", "string", "File with the public key to encrypt the root token to."),
    Flag("status", "bool", "Only say whether the server is initialised: exit code 0 yes, 2 no."),
    Flag("recovery-pgp-keys", "list", "As -pgp-keys, for the recovery key of an auto-unsealed server."),
    Flag("recovery-shares", "int", "As -key-shares, for the recovery key.", default=5),
    Flag("recovery-threshold", "int", "As -key-threshold, for the recovery key.", default=3),
    Flag("stored-shares", "int", "Accepted for old scripts; the server decides.", hidden=True),
)


@commands.add("operator init", flags=(*FORMATTED, *INIT))
def init(session: Session) -> int:
    """Initialise a server: make its root key, split it into shares, make a root token.

    This happens once in a server's life. The shares and the token are shown once; give
    each share to another person, best encrypted to that person's PGP key.

        $ {name} operator init -key-shares=3 -key-threshold=2 -pgp-keys=ann.asc,bob.asc,eve.asc
    """
    if session.flags["status"]:
        return _init_status(session)
    with doing("Error initializing"):
        body = _init_wishes(session)
        answer = session.client.write("sys/init", body) or {}
    return _show_init(session, answer, body)


def _init_status(session: Session) -> int:
    with doing("Error checking initialization status", 1):
        ready = bool((session.client.read("sys/init") or {}).get("initialized"))
    if session.format == "table":
        session.print("Vault is initialized" if ready else "Vault is not initialized")
    else:
        print_data(session, {"Initialized": ready})
    return 0 if ready else 2


def _init_wishes(session: Session) -> dict[str, Any]:
    from strongroom.cli.pgp import public_key, public_keys  # noqa: PLC0415 (rare)

    flags = session.flags
    wishes: dict[str, Any] = {}
    if flags["root-token-pgp-key"]:
        wishes["root_token_pgp_key"] = public_key(flags["root-token-pgp-key"])
    automatic = (session.client.read("sys/seal-status") or {}).get("recovery_seal")
    if not automatic or flags["key-shares"] is not None:
        wishes["secret_shares"] = 5 if flags["key-shares"] is None else flags["key-shares"]
        wishes["secret_threshold"] = 3 if flags["key-threshold"] is None else flags["key-threshold"]
    if flags["pgp-keys"]:
        wishes["pgp_keys"] = public_keys(flags["pgp-keys"])
    if automatic:
        wishes["recovery_shares"] = flags["recovery-shares"]
        wishes["recovery_threshold"] = flags["recovery-threshold"]
        if flags["recovery-pgp-keys"]:
            wishes["recovery_pgp_keys"] = public_keys(flags["recovery-pgp-keys"])
    return wishes


def _show_init(session: Session, answer: dict[str, Any], body: dict[str, Any]) -> int:
    shares, threshold = body.get("secret_shares", 0), body.get("secret_threshold", 0)
    recovery, enough = body.get("recovery_shares", 0), body.get("recovery_threshold", 0)
    if session.format != "table":
        shown = {
            "unseal_keys_b64": answer.get("keys_base64") or [],
            "unseal_keys_hex": answer.get("keys") or [],
            "unseal_shares": shares,
            "unseal_threshold": threshold,
            "recovery_keys_b64": answer.get("recovery_keys_base64") or [],
            "recovery_keys_hex": answer.get("recovery_keys") or [],
            "recovery_keys_shares": recovery,
            "recovery_keys_threshold": enough,
            "root_token": answer.get("root_token", ""),
        }
        return print_data(session, shown)
    for kind, keys in (("Unseal", "keys_base64"), ("Recovery", "recovery_keys_base64")):
        for number, key in enumerate(answer.get(keys) or [], 1):
            session.print(f"{kind} Key {number}: {key}")
    session.print(f"\nInitial Root Token: {answer.get('root_token', '')}\n")
    if recovery:
        session.print(
            f"The server is initialized with {recovery} recovery shares and a threshold of {enough}."
        )
    else:
        session.print(
            f"The server is initialized with {shares} key shares and a threshold of {threshold}. Give the\n"
            f"shares above to different people. Whenever the server starts or is sealed, {threshold} of\n"
            "them must be given before it works again.\n\n"
            f"The root key is not kept anywhere: with fewer than {threshold} shares left, everything in\n"
            f'the server is lost. "{session.name} operator rotate-keys" makes new shares.'
        )
    return 0


@commands.add(
    "operator unseal",
    "[KEY]",
    flags=(
        *FORMATTED,
        Flag("migrate", "bool", "The share is for moving to another kind of seal."),
        Flag("reset", "bool", "Forget the shares given so far."),
    ),
    count=(0, None),
)
def unseal(session: Session) -> int:
    """Give one share of the unseal key.

    Without KEY it is asked for without echo, which keeps it out of the shell's history.
    Each share may come from another person, and another machine.

        $ {name} operator unseal
    """
    if len(session.arguments) > 1:
        raise Failure(f"Too many arguments (expected 1, got {len(session.arguments)})", 1)
    if session.flags["reset"]:
        with doing("Error resetting unseal process"):
            return _show_seal(session, session.client.write("sys/unseal", {"reset": True}))
    body = {"key": ask_share(session), "migrate": session.flags["migrate"]}
    with doing("Error unsealing"):
        return _show_seal(session, session.client.write("sys/unseal", body))


def ask_share(session: Session) -> str:
    """A key share: the argument, standard input for ``-``, else the keyboard."""
    given = session.arguments[0].strip() if session.arguments else ""
    if given == "-":
        return session.terminal.read_all().strip()
    if given:
        return given
    try:
        return session.ask_hidden(
            "Unseal Key (will be hidden): ",
            "Refusing to ask with -non-interactive; give the unseal key as an argument",
        )
    except Failure as failure:
        raise Failure(
            f"The unseal key cannot be asked for: {failure.sentence}. Run this on a terminal, or give the "
            'key as an argument; "-" reads it from standard input.',
            1,
        ) from failure


def _show_seal(session: Session, state: Any) -> int:
    from strongroom.cli.status import status_rows  # noqa: PLC0415 (only here)

    state = {**(state or {}), "ha_enabled": False} if "ha_enabled" not in (state or {}) else state
    if not state.get("sealed"):
        state["ha_enabled"] = bool((session.client.read("sys/leader") or {}).get("ha_enabled"))
    if session.format != "table":
        return print_data(session, state)
    session.print(pairs(status_rows(state)))
    return 0


@commands.add("operator seal", flags=HTTP)
def seal(session: Session) -> int:
    """Seal the server: it forgets its key and answers nothing until unsealed again."""
    with doing("Error sealing"):
        session.client.write("sys/seal")
    return session.succeed("Vault is sealed.")


@commands.add("operator step-down", flags=HTTP)
def step_down(session: Session) -> int:
    """Make the active node hand over to a standby."""
    with doing("Error stepping down"):
        session.client.write("sys/step-down")
    return session.succeed(f"Stepped down: {session.client.settings.address}")


@commands.add("operator key-status", flags=FORMATTED)
def key_status(session: Session) -> int:
    """Show the encryption key in use: its term, its age, how often it was used."""
    with doing("Error reading key status"):
        answer = session.client.read("sys/key-status") or {}
    return _show_key(session, answer.get("data") or answer)


def _show_key(session: Session, data: dict[str, Any]) -> int:
    if session.format != "table":
        return print_data(session, {key: data.get(key) for key in ("term", "install_time", "encryptions")})
    rows = [
        ("Key Term", plain(data.get("term", ""))),
        ("Install Time", spoken_time(str(data.get("install_time", "")))),
        ("Encryption Count", plain(data.get("encryptions", 0))),
    ]
    session.print(columns(rows))
    return 0


def spoken_time(stamp: str) -> str:
    """``02 Jan 26 15:04 UTC`` for an RFC 3339 time; whatever is not one stays as it is."""
    from datetime import UTC, datetime  # noqa: PLC0415 (only here)

    try:
        moment = datetime.fromisoformat(stamp.partition(".")[0].removesuffix("Z"))
    except ValueError:
        return stamp
    return moment.replace(tzinfo=moment.tzinfo or UTC).strftime("%d %b %y %H:%M %Z")


@commands.add("operator rotate", flags=FORMATTED)
def rotate(session: Session) -> int:
    """Make a new encryption key; what was written before stays readable."""
    with doing("Error rotating key"):
        session.client.write("sys/rotate", method="POST")
        answer = session.client.read("sys/key-status") or {}
    if session.format == "table":
        session.succeed("Rotated key\n")
    return _show_key(session, answer.get("data") or answer)


@commands.add("operator members", flags=FORMATTED)
def members(session: Session) -> int:
    """List the nodes of the cluster."""
    answer = session.client.read("sys/ha-status") or {}
    nodes = (answer.get("data") or answer).get("nodes") or []
    if session.format != "table":
        return print_data(session, {"Nodes": nodes})
    header = (
        "Host Name",
        "API Address",
        "Cluster Address",
        "Active Node",
        "Version",
        "Upgrade Version",
        "Last Echo",
    )
    keys = (
        "hostname",
        "api_address",
        "cluster_address",
        "active_node",
        "version",
        "upgrade_version",
        "last_echo",
    )
    rows = [[plain(node[key]) if node.get(key) is not None else "" for key in keys] for node in nodes]
    session.print(table(header, rows))
    return 0


CONFIG = Flag("config", "list", "Configuration file or directory. May be repeated.", env="CONFIG_PATH")


@commands.add("operator validate-config", flags=(CONFIG,))
def validate_config(session: Session) -> int:
    """Check configuration files without starting anything.

    $ {name} operator validate-config -config=/etc/strongroom
    """
    paths = session.flags["config"]
    if not paths:
        raise Failure("Must specify a configuration file using -config.", 3)
    from strongroom.config.load import load  # noqa: PLC0415 (the server's own reader; only here)
    from strongroom.errors import StrongroomError  # noqa: PLC0415 (as above)

    try:
        config = load(paths, session.terminal.environ)
    except (StrongroomError, OSError) as error:
        raise Failure(f"The configuration is not valid: {error}", 1) from error
    if config.warnings:
        for warning in config.warnings:
            session.terminal.warn(f"Warning: {warning}")
        return 2
    return session.succeed("The configuration is valid.")
