"""Answers of the server, in the format the user asked for."""

from __future__ import annotations

from strongroom.cli.command import Failure
from strongroom.cli.table import columns, pairs
from strongroom.cli.value import duration, field_text, plain, quoted

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from strongroom.cli.session import Session

    Secret = Mapping[str, Any]

FORMATS = ("table", "json", "yaml", "yml", "pretty", "raw")
AUTH_KEYS = (
    "client_token", "accessor", "policies", "token_policies", "identity_policies", "metadata",
    "orphan", "entity_id", "lease_duration", "renewable", "mfa_requirement",
)  # fmt: skip
ENVELOPE_KEYS = ("request_id", "lease_id", "lease_duration", "renewable", "data", "warnings")
PARTS = frozenset({*ENVELOPE_KEYS, "auth", "wrap_info"})
WRAP_KEYS = ("token", "accessor", "ttl", "creation_time", "creation_path", "wrapped_accessor")


def print_data(session: Session, data: Any) -> int:
    """Prints ``data``, a JSON value of any shape, as json or yaml."""
    session.terminal.print(formatted(session.format, data))
    return 0


def formatted(form: str, data: Any) -> str:
    """``data`` as json or yaml text, without the last newline."""
    if form == "json":
        from strongroom.cli.encoding import json_text  # noqa: PLC0415 (the table needs no JSON)

        return json_text(data)
    if form in {"yaml", "yml"}:
        from strongroom.cli import yaml  # noqa: PLC0415 (as above)

        return yaml.emit(data).rstrip("\n")
    raise Failure(f"Could not parse output: cannot use the {form} formatter for this type", 1)


def print_secret(session: Session, secret: Secret) -> int:
    """Prints an envelope: the field asked for, or all of it."""
    secret = enveloped(secret)
    if session.field:
        return print_field(session, secret)
    warn(session, secret)
    if session.format == "table":
        rows = secret_rows(secret)
        if rows:
            session.terminal.print(pairs(rows))
        return 0
    return print_data(session, envelope(secret))


def enveloped(secret: Secret) -> Secret:
    """``secret``, or an envelope around it: some system paths answer with bare data."""
    return secret if not secret or PARTS.intersection(secret) else {"data": secret}


def warn(session: Session, secret: Secret) -> None:
    """Shows the server's warnings on standard error (in JSON they are part of the answer)."""
    warnings = secret.get("warnings")
    if not warnings or session.format != "table":
        return
    import textwrap  # noqa: PLC0415 (rare)

    session.terminal.warn(session.terminal.colour("33", "WARNING! The server returned these warnings:\n"))
    for warning in warnings:
        session.terminal.warn(
            textwrap.fill(warning, 78, initial_indent="  * ", subsequent_indent="    ") + "\n"
        )


def envelope(secret: Secret) -> dict[str, Any]:
    """The answer as scripts know it: keys in a fixed order, absent parts left out."""
    from strongroom.cli.encoding import ordered  # noqa: PLC0415 (the table needs no JSON)

    defaults = {"request_id": "", "lease_id": "", "lease_duration": 0, "renewable": False}
    shown = {key: secret.get(key, defaults.get(key)) for key in ENVELOPE_KEYS}
    shown["data"] = ordered(shown["data"])
    shown["warnings"] = shown["warnings"] or None
    if auth := secret.get("auth"):
        shown["auth"] = {key: auth.get(key, False if key == "orphan" else None) for key in AUTH_KEYS}
    if wrap := secret.get("wrap_info"):
        shown["wrap_info"] = {key: wrap[key] for key in WRAP_KEYS if wrap.get(key)}
    return shown


def secret_rows(secret: Secret) -> list[tuple[str, str]]:
    """The rows of the table: lease, token, wrapping, then the data by name."""
    rows = [*_lease_rows(secret), *_auth_rows(secret.get("auth")), *_wrap_rows(secret.get("wrap_info"))]
    data = secret.get("data")
    if isinstance(data, dict):
        rows.extend((name, field_text(name, data[name])) for name in sorted(data))
    return rows


def _lease_rows(secret: Secret) -> list[tuple[str, str]]:
    seconds = secret.get("lease_duration") or 0
    if seconds <= 0:
        return []
    if not secret.get("lease_id"):
        return [("refresh_interval", duration(seconds))]
    renewable = plain(secret.get("renewable", False))
    return [
        ("lease_id", secret["lease_id"]),
        ("lease_duration", duration(seconds)),
        ("lease_renewable", renewable),
    ]


def _auth_rows(auth: Secret | None) -> list[tuple[str, str]]:
    if not auth:
        return []
    if needed := auth.get("mfa_requirement"):
        return [
            ("mfa_request_id", str(needed.get("mfa_request_id", ""))),
            *(
                (f"mfa_constraint_{name}", plain(methods))
                for name, methods in needed["mfa_constraints"].items()
            ),
        ]
    seconds = auth.get("lease_duration") or 0
    return [
        ("token", auth.get("client_token", "")),
        ("token_accessor", auth.get("accessor", "")),
        ("token_duration", duration(seconds) if seconds else "∞"),
        ("token_renewable", plain(auth.get("renewable", False))),
        ("token_policies", quoted(auth.get("token_policies"))),
        ("identity_policies", quoted(auth.get("identity_policies"))),
        ("policies", quoted(auth.get("policies"))),
        *(
            (f"token_meta_{name}", plain(value))
            for name, value in sorted((auth.get("metadata") or {}).items())
        ),
    ]


def _wrap_rows(wrap: Secret | None) -> list[tuple[str, str]]:
    if not wrap:
        return []
    rows = [
        ("wrapping_token:", wrap.get("token", "")),
        ("wrapping_accessor:", wrap.get("accessor", "")),
        ("wrapping_token_ttl:", duration(wrap.get("ttl", 0))),
        ("wrapping_token_creation_time:", _spoken_time(wrap.get("creation_time", ""))),
        ("wrapping_token_creation_path:", wrap.get("creation_path", "")),
    ]
    if wrap.get("wrapped_accessor"):
        rows.append(("wrapped_accessor:", wrap["wrapped_accessor"]))
    return rows


def _spoken_time(stamp: str) -> str:
    """``2026-01-02 03:04:05 +0000 UTC`` for ``2026-01-02T03:04:05Z``."""
    return stamp.replace("T", " ").removesuffix("Z") + " +0000 UTC" if stamp.endswith("Z") else stamp


def print_field(session: Session, secret: Secret) -> int:
    """Prints the one field asked for, bare."""
    value = field_of(session.field, secret)
    if value is None:
        raise Failure(f'Field "{session.field}" not present in secret', 1)
    return print_bare(session, value)


def print_member(session: Session, members: Secret) -> int:
    """As ``print_field``, where the answer is a plain map."""
    value = members.get(session.field)
    if value is None:
        raise Failure(f'Field "{session.field}" not present in map', 1)
    return print_bare(session, value)


def print_bare(session: Session, value: Any) -> int:
    """Prints ``value`` and no newline, unless someone reads it on a terminal."""
    if session.format == "table":
        session.terminal.print(plain(value), end="\n" if session.terminal.interactive() else "")
    else:
        last = "\n" if session.format != "json" or session.terminal.interactive() else ""
        session.terminal.print(formatted(session.format, value), end=last)
    return 0


def field_of(name: str, secret: Secret) -> Any:
    """What ``-field=name`` means: a part of the token, the wrapping, the lease or the data."""
    auth, wrap, data = secret.get("auth"), secret.get("wrap_info"), secret.get("data")
    if auth:
        found = _auth_field(name, auth)
        if found is not None:
            return found
    if wrap and name.removeprefix("wrapping_") != name:
        key = name.removeprefix("wrapping_").removeprefix("token_")
        return wrap.get(key)
    if wrap and name == "wrapped_accessor":
        return wrap.get(name)
    if isinstance(data, dict) and name in data:
        return data[name]
    if name == "data":
        return data
    return secret.get("lease_duration" if name == "refresh_interval" else name) or None


def _auth_field(name: str, auth: Secret) -> Any:
    names = {
        "token": "client_token",
        "token_accessor": "accessor",
        "token_duration": "lease_duration",
        "token_renewable": "renewable",
    }
    if name in names:
        return auth.get(names[name])
    if name in {"token_policies", "identity_policies", "policies"}:
        return auth.get(name) or []
    return (auth.get("metadata") or {}).get(name.removeprefix("token_meta_"))


def print_keys(session: Session, keys: list[str]) -> int:
    """Prints a listing, one name a line."""
    if session.format != "table":
        return print_data(session, keys)
    session.terminal.page(columns([("Keys",), ("----",), *((key,) for key in keys)]))
    return 0
