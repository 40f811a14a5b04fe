"""The second factor of a login: asked for where somebody is at the keyboard, else explained."""

from __future__ import annotations

from strongroom.cli.command import Failure, doing

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session


def requirement(secret: dict[str, Any]) -> dict[str, Any] | None:
    """What a login still wants proved, if it gave no token."""
    found: dict[str, Any] | None = (secret.get("auth") or {}).get("mfa_requirement")
    return found


def prove(session: Session, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """The answer of the second phase; None where nobody can be asked.

    Of each constraint the first method that takes a passcode is asked for, each method once.
    """
    if session.flags.get("non-interactive") or not session.terminal.stdin.isatty():
        return None
    payload: dict[str, list[str]] = {}
    for name, constraint in wanted["mfa_constraints"].items():
        methods = [method for method in constraint["any"] if method.get("uses_passcode")]
        if not methods:
            raise Failure(f"Error authenticating: {name} wants a method that takes no passcode")
        if not any(method["id"] in payload for method in methods):
            payload[methods[0]["id"]] = [_ask(session, methods[0])]
    body = {"mfa_request_id": wanted["mfa_request_id"], "mfa_payload": payload}
    with doing("Error authenticating"):
        answer: dict[str, Any] = session.client.write("sys/mfa/validate", body) or {}
    return answer


def _ask(session: Session, method: dict[str, Any]) -> str:
    label = method.get("name") or method["id"]
    return session.ask_hidden(f"Passcode of {label} ({method['type']}, will be hidden): ", "no passcode")


def explain(session: Session) -> None:
    """Tells how to go on by hand."""
    session.warn(
        "There is no token yet: a second factor is wanted within five minutes. Send it with\n"
        f'"{session.name} write sys/mfa/validate -", as JSON with mfa_request_id and mfa_payload, which\n'
        "holds a list with the passcode under the ID of a method; or log in again with\n"
        "-mfa=METHOD:PASSCODE.\n"
    )
