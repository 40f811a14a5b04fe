"""``operator generate-root``: a new root token from enough unseal shares."""

from __future__ import annotations

import base64
import binascii

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.operator import ask_share
from strongroom.cli.options import FORMATTED
from strongroom.cli.output import print_data
from strongroom.cli.table import columns
from strongroom.cli.value import plain

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

FLAGS = (
    Flag("cancel", "bool", "Give up the attempt under way."),
    Flag("decode", "string", "Encoded token to decode with -otp; - reads it from standard input."),
    Flag("generate-otp", "bool", "Print a one-time password for -init."),
    Flag("init", "bool", "Start an attempt."),
    Flag("nonce", "string", "Nonce of the attempt this share is for."),
    Flag("otp", "string", "One-time password: for -init, or the one to decode with."),
    Flag("pgp-key", "string", "File with the public key to encrypt the token to."),
    Flag("recovery-token", "bool", "Make a token for a server in recovery mode."),
    Flag("status", "bool", "Show how far the attempt is."),
)
# The first needs no token; servers that have it switched off offer the second.
ROOTS = ("sys/generate-root", "sys/generate-root-token")
RECOVERY = "sys/generate-recovery-token"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
OTP_LENGTH = 26
ABSENT = dict.fromkeys(("nonce", "encoded_token", "encoded_root_token", "pgp_fingerprint", "otp"), "")


@commands.add("operator generate-root", "[KEY]", flags=(*FORMATTED, *FLAGS), count=(0, 1))
def generate_root(session: Session) -> int:
    """Make a new root token from enough unseal shares.

    Start with -init, which shows a nonce and a one-time password; then each holder gives a
    share with the nonce. The last one sees the token, encoded; -decode with the password
    makes it readable.

        $ {name} operator generate-root -init
        $ {name} operator generate-root -nonce=da89e577
        $ {name} operator generate-root -decode=IxJpyqxn3YafOGhqhvP6cQ -otp=8GaOJ2VEdb0
    """
    flags = session.flags
    if flags["generate-otp"]:
        return _print_otp(session)
    if flags["decode"] is not None and flags["decode"] != "":
        return _decode(session)
    if flags["cancel"]:
        with doing("Error canceling root token generation"):
            _call(session, "DELETE", "attempt")
        return session.succeed("Root token generation canceled (if it was started)")
    if flags["init"]:
        return _start(session)
    if flags["status"]:
        return _show(session, _status(session))
    return _give_share(session)


def _call(session: Session, method: str, part: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    from strongroom.client.error import ApiError  # noqa: PLC0415 (loaded with the client)
    from strongroom.client.request import Request  # noqa: PLC0415 (as above)

    roots = (RECOVERY,) if session.flags["recovery-token"] else ROOTS
    for root in roots[:-1]:
        try:
            answer = session.client.send(Request(method, f"{root}/{part}", body)).secret() or {}
        except ApiError as error:
            if error.status not in {404, 405}:
                raise
        else:
            return answer.get("data") or answer
    answer = session.client.send(Request(method, f"{roots[-1]}/{part}", body)).secret() or {}
    return answer.get("data") or answer


def _status(session: Session) -> dict[str, Any]:
    with doing("Error getting root generation status"):
        return _call(session, "GET", "attempt")


def one_time_password(length: int) -> str:
    """Random letters and digits, each equally likely."""
    import secrets  # noqa: PLC0415 (only here)

    return "".join(secrets.choice(LETTERS) for _ in range(length))


def _print_otp(session: Session) -> int:
    length = _status(session).get("otp_length") or OTP_LENGTH
    password = one_time_password(length)
    if session.format != "table":
        return print_data(session, {"otp": password})
    session.terminal.print(password, end="\n" if session.terminal.interactive() else "")
    return 0


def _start(session: Session) -> int:
    flags = session.flags
    body: dict[str, Any] = {}
    if flags["otp"]:
        body["otp"] = flags["otp"]
    if flags["pgp-key"]:
        from strongroom.cli.pgp import public_key  # noqa: PLC0415 (rare)

        body["pgp_key"] = public_key(flags["pgp-key"])
    with doing("Error initializing root generation"):
        state = _call(session, "PUT", "attempt", body)
    if state.get("otp") and session.format == "table":
        session.warn("The one-time password below is needed to decode the token. It is not shown again.\n")
    return _show(session, state)


def _give_share(session: Session) -> int:
    state = _status(session)
    if not state.get("started"):
        raise Failure("No root generation is in progress. Start one with -init.", 1)
    nonce = session.flags["nonce"]
    typed = session.arguments and session.arguments[0].strip() != "-"
    if typed and not nonce:
        raise Failure("Missing nonce value: specify it via the -nonce flag", 1)
    nonce = nonce or state.get("nonce", "")
    if not session.arguments:
        session.print(f"Operation nonce: {nonce}")
    body = {"key": ask_share(session), "nonce": nonce}
    with doing("Error posting unseal key"):
        return _show(session, _call(session, "PUT", "update", body))


def _show(session: Session, state: dict[str, Any]) -> int:
    if session.format != "table":
        return print_data(session, {**ABSENT, **state})
    rows = [
        ("Nonce", state.get("nonce", "")),
        ("Started", plain(state.get("started", False))),
        ("Progress", f"{state.get('progress', 0)}/{state.get('required', 0)}"),
        ("Complete", plain(state.get("complete", False))),
    ]
    for name, key in (
        ("PGP Fingerprint", "pgp_fingerprint"), ("Encoded Token", "encoded_token"),
        ("OTP", "otp"), ("OTP Length", "otp_length"),
    ):  # fmt: skip
        if state.get(key):
            rows.append((name, plain(state[key])))
    session.print(columns(rows))
    return 0


def _decode(session: Session) -> int:
    encoded = session.flags["decode"]
    if encoded == "-":
        encoded = session.terminal.read_all().strip()
    if not session.flags["otp"]:
        raise Failure("Missing otp: use -otp to supply it", 1)
    token = decoded_token(encoded, session.flags["otp"])
    if session.format != "table":
        return print_data(session, {"token": token})
    session.terminal.print(token, end="\n" if session.terminal.interactive() else "")
    return 0


def decoded_token(encoded: str, password: str) -> str:
    """The token that was XORed with ``password`` and encoded as base64. Raises Failure."""
    try:
        masked = base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True)
    except binascii.Error as error:
        raise Failure("Error decoding root token: it is not base64", 1) from error
    mask = password.encode()
    if len(masked) != len(mask):
        raise Failure(f"Error decoding root token: {len(masked)} bytes, but the password has {len(mask)}", 1)
    try:
        return bytes(a ^ b for a, b in zip(masked, mask, strict=True)).decode()
    except UnicodeDecodeError:
        raise Failure("Error decoding root token: this is not its password", 1) from None
