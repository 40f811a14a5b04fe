"""``operator rekey`` and ``operator rotate-keys``: new shares from enough old ones."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.operator import ask_share
from strongroom.cli.options import FORMATTED
from strongroom.cli.output import print_data
from strongroom.cli.table import pairs
from strongroom.cli.value import plain

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

FLAGS = (
    Flag("cancel", "bool", "Give up the operation under way."),
    Flag("init", "bool", "Start."),
    Flag("key-shares", "int", "How many new shares.", default=5, aliases=("n",)),
    Flag("key-threshold", "int", "How many of the new shares will unseal.", default=3, aliases=("t",)),
    Flag("nonce", "string", "Nonce of the operation this share is for."),
    Flag("pgp-keys", "list", "Files with public keys, one for each new share, separated by commas."),
    Flag("status", "bool", "Show how far it is."),
    Flag("target", "string", "barrier: the unseal key; recovery: the recovery key.", default="barrier"),
    Flag("verify", "bool", "With -init: new shares count only once proven. Else: act on that proof."),
    Flag("backup", "bool", "Keep the PGP-encrypted shares on the server too."),
    Flag("backup-delete", "bool", "Delete the shares kept on the server."),
    Flag("backup-retrieve", "bool", "Show the shares kept on the server."),
    Flag("recovery-key", "bool", "As -target=recovery.", hidden=True),
)


class Operation:
    """Where one of the two commands lives in the API, and what people call it."""

    def __init__(
        self, session: Session, *, noun: str, roots: dict[str, str], backups: dict[str, str]
    ) -> None:
        target = "recovery" if session.flags["recovery-key"] else session.flags["target"]
        if target not in roots:
            raise Failure(f"Unknown target: {target}", 1)
        self.noun = noun
        self.root = roots[target]
        self.backup = backups[target]


@commands.add("operator rekey", "[KEY]", flags=(*FORMATTED, *FLAGS), count=(0, 1))
def rekey(session: Session) -> int:
    """Make new shares of the unseal key from enough old ones.

    Start it with -init; then each holder gives a share with the nonce that -init showed.
    Needs no token, so servers may have it switched off: see rotate-keys.

        $ {name} operator rekey -init -key-shares=3 -key-threshold=2
        $ {name} operator rekey -nonce=8f2cf1b6
    """
    roots = {"barrier": "sys/rekey", "recovery": "sys/rekey-recovery-key", "hsm": "sys/rekey-recovery-key"}
    backups = {"barrier": "sys/rekey/backup", "recovery": "sys/rekey/recovery-key-backup"}
    backups["hsm"] = backups["recovery"]
    return _run(session, Operation(session, noun="rekey", roots=roots, backups=backups))


@commands.add("operator rotate-keys", "[KEY]", flags=(*FORMATTED, *FLAGS), count=(0, 1))
def rotate_keys(session: Session) -> int:
    """Make new shares of the unseal key or the recovery key from enough old ones.

    As rekey, for those whose token allows it.

        $ {name} operator rotate-keys -init -key-shares=3 -key-threshold=2
        $ {name} operator rotate-keys -nonce=8f2cf1b6
    """
    roots = {"barrier": "sys/rotate/root", "recovery": "sys/rotate/recovery"}
    backups = {target: f"{root}/backup" for target, root in roots.items()}
    return _run(session, Operation(session, noun="rotation", roots=roots, backups=backups))


def _run(session: Session, operation: Operation) -> int:
    flags = session.flags
    if flags["backup-delete"]:
        with doing(f"Error deleting {operation.noun} backed up keys"):
            session.client.delete(operation.backup)
        return session.succeed("Deleted backed up keys (if they existed)")
    if flags["backup-retrieve"]:
        return _show_backup(session, operation)
    if flags["cancel"]:
        part = "verify" if flags["verify"] else "init"
        with doing(f"Error canceling {operation.noun}"):
            session.client.delete(f"{operation.root}/{part}")
        return session.succeed(f"Canceled {operation.noun} (if it was started)")
    if flags["init"]:
        return _start(session, operation)
    if flags["status"]:
        return _show_status(session, _status(session, operation, f"Error reading {operation.noun} status"))
    return _give_share(session, operation)


def _start(session: Session, operation: Operation) -> int:
    flags = session.flags
    from strongroom.cli.pgp import public_keys  # noqa: PLC0415 (rare)

    keys = public_keys(flags["pgp-keys"])
    body = {
        "secret_shares": flags["key-shares"],
        "secret_threshold": flags["key-threshold"],
        "pgp_keys": keys,
        "backup": flags["backup"],
        "require_verification": flags["verify"],
    }
    with doing(f"Error initializing {operation.noun}"):
        method = "PUT" if operation.noun == "rekey" else "POST"
        answer = session.client.write(f"{operation.root}/init", body, method) or {}
        if "nonce" not in (answer.get("data") or answer):
            answer = session.client.read(f"{operation.root}/init") or {}
    if not keys and session.format == "table":
        session.warn(
            "WARNING! The new shares will be shown once, in clear. To be safe from their loss, cancel and\n"
            "start again with -pgp-keys, and -backup to keep the encrypted shares on the server."
        )
    if session.format == "table":
        session.print()
    return _show_status(session, answer.get("data") or answer)


def _status(session: Session, operation: Operation, trouble: str) -> dict[str, Any]:
    part = "verify" if session.flags["verify"] else "init"
    from strongroom.client.request import Request  # noqa: PLC0415 (loaded with the client)

    with doing(trouble):
        answer = session.client.send(Request("GET", f"{operation.root}/{part}")).secret() or {}
    data: dict[str, Any] = answer.get("data") or answer
    return data


def _show_status(session: Session, state: dict[str, Any]) -> int:
    if session.format != "table":
        return print_data(session, state)
    proving = "n" in state and "progress" in state and "required" not in state
    rows = [("Nonce", state.get("nonce", ""))] if not proving else []
    rows.append(("Started", plain(state.get("started", bool(state.get("nonce"))))))
    if state.get("started"):
        if not proving:
            rows.append(("Progress", f"{state.get('progress', 0)}/{state.get('required', 0)}"))
        rows += [("New Shares", plain(state.get("n", 0))), ("New Threshold", plain(state.get("t", 0)))]
        if not proving:
            rows.append(("Verification Required", plain(state.get("verification_required", False))))
        nonce = state.get("verification_nonce") or (state.get("nonce") if proving else "")
        if nonce:
            rows.append(("Verification Nonce", nonce))
        if proving:
            rows.append(("Verification Progress", f"{state.get('progress', 0)}/{state.get('t', 0)}"))
    if state.get("pgp_fingerprints"):
        rows.append(("PGP Fingerprints", plain(state["pgp_fingerprints"])))
        rows.append(("Backup", plain(state.get("backup", False))))
    session.print(pairs(rows))
    return 0


def _give_share(session: Session, operation: Operation) -> int:
    state = _status(session, operation, f"Error getting {operation.noun} status")
    if not state.get("started"):
        raise Failure(f"No {operation.noun} is in progress. Start one with -init.", 1)
    nonce = session.flags["nonce"]
    typed = session.arguments and session.arguments[0].strip() != "-"
    if typed and not nonce:
        raise Failure("Missing nonce value: specify it via the -nonce flag", 1)
    nonce = nonce or state.get("nonce", "")
    if not session.arguments:
        session.print(f"{operation.noun} nonce: {nonce}")
    part = "verify" if session.flags["verify"] else "update"
    body = {"key": ask_share(session), "nonce": nonce}
    with doing("Error posting unseal key"):
        method = "PUT" if operation.noun == "rekey" else "POST"
        answer = session.client.write(f"{operation.root}/{part}", body, method) or {}
    done = answer.get("data") or answer
    if not done.get("complete"):
        return _show_status(session, _status(session, operation, f"Error getting {operation.noun} status"))
    if session.flags["verify"]:
        return session.succeed("The new shares are proven, and the only valid ones from now on.")
    return _show_shares(session, state, done)


def _show_shares(session: Session, state: dict[str, Any], done: dict[str, Any]) -> int:
    if session.format != "table":
        return print_data(session, done)
    session.print()
    keys = done.get("keys_base64") or []
    prints = done.get("pgp_fingerprints") or []
    for number, key in enumerate(keys, 1):
        owner = f" fingerprint: {prints[number - 1]};" if prints else ""
        session.print(f"Key {number}{owner and owner + ' value'}: {key}")
    session.print(f"\nOperation nonce: {done.get('nonce', '')}\n")
    shares, threshold = state.get("n", len(keys)), state.get("t", 0)
    if done.get("verification_required"):
        nonce = done.get("verification_nonce", "")
        session.print(
            f"There are {shares} new shares, of which {threshold} unseal, but they are not\n"
            "valid yet. Prove them:\n\n"
            f"    {session.name} {session.command.words} -verify -nonce={nonce}\n\n"
            "Keep the old shares until that is done; sealing the server or -cancel -verify\n"
            "drops the new ones."
        )
        return 0
    session.print(
        f"There are {shares} new shares, of which {threshold} unseal. The old ones are void.\n"
        "Give them to different people."
    )
    return 0


def _show_backup(session: Session, operation: Operation) -> int:
    with doing(f"Error retrieving {operation.noun} backed up keys"):
        answer = session.client.read(operation.backup)
    if not answer:
        raise Failure("No backed up keys found")
    data = answer.get("data") or answer
    if session.format != "table":
        return print_data(session, data)
    session.print(pairs([(name, plain(data[name])) for name in sorted(data)]))
    return 0
