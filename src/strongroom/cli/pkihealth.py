"""``pki health-check``: what could be better about a mount, from what its API tells."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FORMATTED
from strongroom.cli.output import print_data
from strongroom.cli.table import table

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

OK, INFORMATIONAL, WARNING, CRITICAL, PERMISSION = 1, 2, 3, 4, 6
NAMES = {
    0: "not_applicable",
    OK: "ok",
    INFORMATIONAL: "informational",
    WARNING: "warning",
    CRITICAL: "critical",
    5: "invalid_version",
    PERMISSION: "insufficient_permissions",
}
_FROM = {"default": INFORMATIONAL, "informational": INFORMATIONAL, "warning": WARNING, "critical": CRITICAL}
_DAY = 86_400
_FLAGS = (
    Flag("default-disabled", "bool", "Do only the checks that the configuration enables."),
    Flag("health-config", "string", "File with the configuration of checks, as JSON."),
    Flag("list", "bool", "Show the checks with their configuration, and do none."),
    Flag(
        "return-indicator",
        "string",
        "From which status on the exit code tells: default, permission, critical, warning, informational.",
        default="default",
    ),
)
_REQUEST_KEYS = (
    "csr", "certificate", "issuer_ref", "common_name", "alt_names", "other_sans", "ip_sans", "uri_sans",
    "ttl", "not_after", "serial_number", "key_type", "private_key_format", "ou", "organization", "country",
    "locality", "province", "street_address", "postal_code", "permitted_dns_domains", "policy_identifiers",
    "ext_key_usage_oids",
)  # fmt: skip
_RESPONSE_KEYS = ("certificate", "issuing_ca", "serial_number", "error", "ca_chain")

DEFAULTS: dict[str, dict[str, Any]] = {
    "ca_validity_period": {
        "intermediate_expiry_critical": "30d",
        "intermediate_expiry_informational": "180d",
        "intermediate_expiry_warning": "60d",
        "root_expiry_critical": "180d",
        "root_expiry_informational": "730d",
        "root_expiry_warning": "365d",
    },
    "crl_validity_period": {"crl_expiry_pct_critical": "95", "delta_crl_expiry_pct_critical": "95"},
    "hardware_backed_root": {"enabled": False},
    "root_issued_leaves": {"certs_to_fetch": 100},
    "role_allows_localhost": {},
    "role_allows_glob_wildcards": {},
    "role_no_store_false": {"allowed_roles": []},
    "audit_visibility": {"ignored_parameters": []},
    "allow_if_modified_since": {},
    "enable_auto_tidy": {
        "interval_duration_critical": "7d",
        "interval_duration_warning": "2d",
        "pause_duration_critical": "1s",
        "pause_duration_warning": "200ms",
    },
    "tidy_last_run": {"last_run_critical": "7d", "last_run_warning": "2d"},
    "too_many_certs": {"count_critical": 250000, "count_warning": 50000},
    "enable_acme_issuance": {},
    "allow_acme_headers": {},
}


class Finding:
    """A status, where it was found, and a sentence."""

    __slots__ = ("endpoint", "message", "status")

    def __init__(self, status: int, endpoint: str, message: str) -> None:
        self.status = status
        self.endpoint = endpoint
        self.message = message

    def shown(self) -> dict[str, Any]:
        return {
            "status_code": self.status,
            "status": NAMES[self.status],
            "endpoint": self.endpoint,
            "message": self.message,
        }


class Denied(Exception):
    """The token may not look at a path."""


class Mount:
    """What the checks ask of a mount; each path is read once."""

    def __init__(self, session: Session, path: str) -> None:
        self.path = path
        self._session = session
        self._read: dict[str, Any] = {}

    def get(
        self, path: str, *, absolute: bool = False, listed: bool = False, limit: int = 0
    ) -> dict[str, Any]:
        """The data at a path; empty where there is none. Raises Denied."""
        from strongroom.client.error import ApiError  # noqa: PLC0415 (as everywhere here)

        full = path if absolute else f"{self.path}/{path}"
        if full not in self._read or limit:
            client = self._session.client
            try:
                query = {"limit": str(limit)} if limit else None
                answer = client.list(full, query) if listed else client.read(full)
            except ApiError as error:
                if error.status == 403:
                    raise Denied(full) from error
                answer = None
            self._read[full] = (answer or {}).get("data") or {}
        data: dict[str, Any] = self._read[full]
        return data

    def issuers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for issuer in self.get("issuers", listed=True).get("keys", ()):
            yield issuer, self.get(f"issuer/{issuer}/json")

    def roles(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for role in self.get("roles", listed=True).get("keys", ()):
            yield role, self.get(f"roles/{role}")


def seconds(text: Any) -> float:
    """A duration such as ``30d``, ``200ms`` or a number of seconds."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": float(_DAY)}
    plain = str(text)
    for unit in sorted(units, key=len, reverse=True):
        if plain.endswith(unit) and plain[: -len(unit)].replace(".", "", 1).isdigit():
            return float(plain[: -len(unit)]) * units[unit]
    try:
        return float(plain)
    except ValueError:
        raise Failure(f"Failed to parse the duration {plain!r} of a health check", 1) from None


def _now() -> float:
    from time import time  # noqa: PLC0415 (kept beside its use)

    return time()


# -- the checks ------------------------------------------------------------------------------------


def ca_validity_period(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    from strongroom.cli.relation import load  # noqa: PLC0415 (slow to import)

    for issuer, data in mount.issuers():
        one = load(data["certificate"])
        kind = "root" if one.is_self_signed else "intermediate"
        left, status = one.not_after - _now(), OK
        for name, level in (("informational", INFORMATIONAL), ("warning", WARNING), ("critical", CRITICAL)):
            if left < seconds(config[f"{kind}_expiry_{name}"]):
                status = level
        days = f"the {kind} is valid for {int(left // _DAY)} more days"
        advice = "" if status == OK else "; prepare one that follows it"
        yield Finding(status, f"/{mount.path}/issuer/{issuer}", days + advice)


def crl_validity_period(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    from strongroom.cli.relation import crl_times  # noqa: PLC0415 (slow to import)

    for issuer, _ in mount.issuers():
        for path, setting in (
            ("crl", "crl_expiry_pct_critical"),
            ("crl/delta", "delta_crl_expiry_pct_critical"),
        ):
            text = mount.get(f"issuer/{issuer}/{path}").get("crl", "")
            if not text:
                continue
            begin, end = crl_times(text)
            used = (_now() - begin) / max(end - begin, 1) * 100
            late = used >= float(config[setting])
            yield Finding(
                CRITICAL if late else OK,
                f"/{mount.path}/issuer/{issuer}/{path}",
                f"{used:.0f} % of its time are over" + ("; it has to be made anew" if late else ""),
            )


def hardware_backed_root(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    yield Finding(
        0, f"/{mount.path}/keys", "keys are in the server's storage, encrypted; there is no KMS here"
    )


def root_issued_leaves(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    from strongroom.cli.relation import load  # noqa: PLC0415 (slow to import)

    roots = [one for _, data in mount.issuers() if (one := load(data["certificate"])).is_self_signed]
    for serial in mount.get("certs", listed=True, limit=int(config["certs_to_fetch"])).get("keys", ()):
        leaf = load(mount.get(f"cert/{serial}")["certificate"])
        if not leaf.is_ca and any(root.issued(leaf) for root in roots):
            note = "a root issued a certificate that is no authority's; have intermediates do that"
            yield Finding(WARNING, f"/{mount.path}/cert/{serial}", note)
            return
    yield Finding(OK, f"/{mount.path}/certs", "no root issued certificates but those of authorities")


def role_allows_localhost(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    for role, data in mount.roles():
        if data["allow_bare_domains"] and data["allow_localhost"]:
            note = "the role allows localhost besides its bare domains; see whether it has to"
            yield Finding(WARNING, f"/{mount.path}/roles/{role}", note)


def role_allows_glob_wildcards(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    for role, data in mount.roles():
        globs = data["allow_glob_domains"] and any("*" in domain for domain in data["allowed_domains"])
        if globs and data["allow_wildcard_certificates"]:
            note = "globs in its domains and wildcard certificates together allow more than they seem to"
            yield Finding(WARNING, f"/{mount.path}/roles/{role}", note)


def role_no_store_false(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    rebuilds = mount.get("config/crl").get("auto_rebuild")
    for role, data in mount.roles():
        if not data["no_store"] and not rebuilds and role not in config["allowed_roles"]:
            note = "its certificates are stored; short-lived ones need not be (no_store)"
            yield Finding(INFORMATIONAL, f"/{mount.path}/roles/{role}", note)


def audit_visibility(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    where = f"sys/mounts/{mount.path}/tune"
    tuned = mount.get(where, absolute=True)
    for setting, keys in (
        ("audit_non_hmac_request_keys", _REQUEST_KEYS),
        ("audit_non_hmac_response_keys", _RESPONSE_KEYS),
    ):
        known = set(tuned.get(setting) or ()) | set(config["ignored_parameters"])
        for key in keys:
            if key not in known:
                note = f"{key} is no secret, but hashed in the audit log: it could be in {setting}"
                yield Finding(INFORMATIONAL, f"/{where}", note)


def allow_if_modified_since(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    where = f"sys/mounts/{mount.path}/tune"
    tuned = mount.get(where, absolute=True)
    passes = "if-modified-since" in map(str.lower, tuned.get("passthrough_request_headers") or ())
    tells = "last-modified" in map(str.lower, tuned.get("allowed_response_headers") or ())
    if passes and tells:
        yield Finding(OK, f"/{where}", "If-Modified-Since and Last-Modified pass")
    else:
        note = "If-Modified-Since and Last-Modified do not pass: clients fetch what they have already"
        yield Finding(INFORMATIONAL, f"/{where}", note)


def enable_auto_tidy(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    data, where = mount.get("config/auto-tidy"), f"/{mount.path}/config/auto-tidy"
    if not data.get("enabled"):
        yield Finding(INFORMATIONAL, where, "nothing tidies this mount by itself; enable it to")
        return
    fine = True
    for name in ("interval_duration", "pause_duration"):
        for level, status in (("critical", CRITICAL), ("warning", WARNING)):
            if seconds(data[name]) >= seconds(config[f"{name}_{level}"]):
                fine = False
                yield Finding(status, where, f"{name} is long: runs begin rarely, or last long")
                break
    if not data.get("tidy_cert_store"):
        fine = False
        yield Finding(WARNING, where, "tidy_cert_store is off: certificates that ended are never removed")
    if fine:
        yield Finding(OK, where, "the mount is tidied by itself")


def tidy_last_run(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    from datetime import datetime  # noqa: PLC0415 (kept beside its use)

    where, text = f"/{mount.path}/tidy-status", mount.get("tidy-status").get("time_finished")
    if not text:
        yield Finding(CRITICAL, where, "the mount was never tidied; enable auto-tidy, or run tidy by plan")
        return
    age = _now() - datetime.fromisoformat(str(text)).timestamp()
    status = OK
    for level, worse in (("warning", WARNING), ("critical", CRITICAL)):
        if age >= seconds(config[f"last_run_{level}"]):
            status = worse
    yield Finding(status, where, f"tidied {int(age // 3600)} hours ago")


def too_many_certs(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    most = int(config["count_critical"])
    count = len(mount.get("certs", listed=True, limit=most).get("keys", ()))
    status = CRITICAL if count >= most else WARNING if count >= int(config["count_warning"]) else OK
    at_least = "at least " if count >= most else ""
    yield Finding(status, f"/{mount.path}/certs", f"{at_least}{count} certificates are stored")


def enable_acme_issuance(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    from strongroom.cli.relation import load  # noqa: PLC0415 (slow to import)

    where = f"/{mount.path}/config/acme"
    if all(load(data["certificate"]).is_self_signed for _, data in mount.issuers()):
        yield Finding(0, where, "the mount has only roots, which need no ACME")
    elif mount.get("config/acme").get("enabled"):
        yield Finding(OK, where, "ACME is enabled")
    else:
        yield Finding(INFORMATIONAL, where, "ACME is not enabled; clients could renew by themselves with it")


def allow_acme_headers(mount: Mount, config: dict[str, Any]) -> Iterator[Finding]:
    if mount.get("config/acme").get("enabled"):
        yield Finding(OK, f"/{mount.path}/config/acme", "ACME needs no headers to be tuned here")
    else:
        yield Finding(0, f"/{mount.path}/config/acme", "ACME is not enabled")


CHECKS: tuple[Callable[[Mount, dict[str, Any]], Iterator[Finding]], ...] = (
    ca_validity_period,
    crl_validity_period,
    hardware_backed_root,
    root_issued_leaves,
    role_allows_localhost,
    role_allows_glob_wildcards,
    role_no_store_false,
    audit_visibility,
    allow_if_modified_since,
    enable_auto_tidy,
    tidy_last_run,
    too_many_certs,
    enable_acme_issuance,
    allow_acme_headers,
)


# -- the command -----------------------------------------------------------------------------------


@commands.add("pki health-check", "MOUNT", flags=(*FORMATTED, *_FLAGS), count=(0, 1))
def health_check(session: Session) -> int:
    """Say what could be better about a mount.

    The exit code tells the worst: 0 for nothing, 2 informational, 3 warning, 4 critical, 6 where the token
    may not look.

        $ {name} pki health-check pki/
        $ {name} pki health-check -format=json -return-indicator=critical pki/
    """
    config = _config(session)
    if session.flags["list"]:
        if session.format == "table":
            session.print("Default health check config:")
        session.print(_json(config))
        return 0
    if not session.arguments:
        raise Failure("Not enough arguments (expected mount path, got nothing)", 1)
    if session.flags["return-indicator"] not in (*_FROM, "permission"):
        raise Failure(f"Invalid flag value for -return-indicator: {session.flags['return-indicator']}", 1)
    path = session.arguments[0].strip("/")
    _check_mount(session, path)
    found = {check.__name__: _done(check, Mount(session, path), config) for check in CHECKS}
    found = {name: findings for name, findings in found.items() if findings is not None}
    if session.format == "table":
        for name, findings in found.items():
            rows = [(NAMES[one.status], one.endpoint, one.message) for one in findings or ()]
            session.print(f"{name}\n{'-' * len(name)}\n{table(('status', 'endpoint', 'message'), rows)}\n\n")
    else:
        print_data(
            session, {name: [one.shown() for one in findings or ()] for name, findings in found.items()}
        )
    return _code(session.flags["return-indicator"], [one for each in found.values() for one in each or ()])


def _check_mount(session: Session, path: str) -> None:
    with doing("Failed to look at the mount", 1):
        answer = session.client.read(f"sys/internal/ui/mounts/{path}")
    kind = ((answer or {}).get("data") or {}).get("type")
    if kind != "pki":
        raise Failure(f"refusing to run PKI health-check on non-PKI mount: path {path}", 1)


def _done(
    check: Callable[[Mount, dict[str, Any]], Iterator[Finding]],
    mount: Mount,
    config: dict[str, dict[str, Any]],
) -> list[Finding] | None:
    own = config[check.__name__]
    if not own["enabled"]:
        return None
    try:
        return list(check(mount, own))
    except Denied as denied:
        return [Finding(PERMISSION, f"/{denied}", "the token may not look at this path")]
    except (ValueError, KeyError) as error:
        raise Failure(f"Failed to run health check {check.__name__}: {error}", 1) from error


def _code(indicator: str, findings: list[Finding]) -> int:
    statuses = [one.status for one in findings]
    if indicator == "permission":
        return PERMISSION if PERMISSION in statuses else 0
    worst = max(statuses, default=0)
    return worst if worst >= _FROM[indicator] else 0


def _config(session: Session) -> dict[str, dict[str, Any]]:
    """The configuration of every check: the defaults, with what a file says."""
    enabled = not session.flags["default-disabled"]
    config = {name: {"enabled": enabled, **own} for name, own in DEFAULTS.items()}
    path = session.flags["health-config"]
    if not path:
        return config
    import json  # noqa: PLC0415 (rare)

    from strongroom.cli.assignment import read_file  # noqa: PLC0415 (rare)

    try:
        given = json.loads(read_file(path))
        for name, own in given.items():
            config[name] = config.get(name, {}) | own
    except (ValueError, TypeError, AttributeError):
        raise Failure(
            f"Failed to read the health check config {path}: it has to be JSON, an object a check", 1
        ) from None
    return config


def _json(data: Any) -> str:
    import json  # noqa: PLC0415 (rare)

    return json.dumps(data, indent=2, sort_keys=True)
