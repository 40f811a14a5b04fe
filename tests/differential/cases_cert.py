"""Client certificates: roles, logins over TLS with every kind of certificate, renewals, revocation lists."""

from __future__ import annotations

from typing import Any

from tests.differential.case import Step, case, delete, get, list_, policy, post, put, token

_AT = "auth/<m>"


def _login(shows: str = "<client>", **body: Any) -> Step:
    return post(f"{_AT}/login", body, token=None, shows=shows)


def _enable() -> Step:
    return post("sys/auth/<m>", {"type": "cert"})


def _role(name: str = "a", **fields: Any) -> Step:
    return post(f"{_AT}/certs/{name}", {"certificate": "<authority_pem>", **fields})


_FITS: tuple[dict[str, Any], ...] = (
    {"allowed_names": "client"},
    {"allowed_names": "client.example.com"},
    {"allowed_names": "ann@example.com"},
    {"allowed_names": "spiffe://example/ann"},
    {"allowed_names": "CLIENT"},
    {"allowed_names": "x,cl*"},
    {"allowed_common_names": "client"},
    {"allowed_common_names": "x"},
    {"allowed_dns_sans": "*.example.com"},
    {"allowed_dns_sans": "*.EXAMPLE.com"},
    {"allowed_email_sans": "*@example.com"},
    {"allowed_email_sans": "*@example.org"},
    {"allowed_uri_sans": "spiffe://*"},
    {"allowed_uri_sans": "https*"},
    {"allowed_organizational_units": "e*"},
    {"allowed_organizational_units": "x,ops"},
    {"allowed_organizational_units": "x"},
    {"required_extensions": "1.2.3.4:h*o"},
    {"required_extensions": "1.2.3.4:x"},
    {"required_extensions": "1.2.3.9:*"},
    {"required_extensions": ["1.2.3.4:hello", "1.2.3.9:*"]},
)

CASES = (
    case(
        "cert roles",
        _enable(),
        get(f"{_AT}/config"),
        list_(f"{_AT}/certs"),
        get(f"{_AT}/certs/none"),
        delete(f"{_AT}/certs/none"),
        post(f"{_AT}/certs/a", {}),
        post(f"{_AT}/certs/a", {"certificate": "nonsense"}),
        _role(),
        get(f"{_AT}/certs/a"),
        post(f"{_AT}/certs/a", {"display_name": "web"}),
        _role(
            token_policies="x,Y",
            policies="z",
            token_type="batch",
            ttl=60,
            allowed_metadata_extensions="1.2.3.4",
        ),
        get(f"{_AT}/certs/A"),
        _role(
            "b", lease=500, max_ttl=600, period=5, bound_cidrs="127.0.0.1", ocsp_servers_override="http://x"
        ),
        get(f"{_AT}/certs/b"),
        _role("b", token_strictly_bind_ip=True),
        _role("P.q-r"),
        list_(f"{_AT}/certs"),
        list_(f"{_AT}/certs/?after=b&limit=1"),
        put(f"{_AT}/certs/b", {"certificate": "<server_only_pem>"}),
        _role("b", token_policies="root"),
        _role("b", token_type="nonsense"),
        delete(f"{_AT}/certs/a"),
        get(f"{_AT}/certs/a"),
        post(f"{_AT}/config", {"ocsp_cache_size": 1}),
        post(f"{_AT}/config", {"ocsp_cache_size": 300, "disable_binding": True}),
        post(f"{_AT}/config", {"enable_identity_alias_metadata": True}),
        get(f"{_AT}/config"),
        _role("e", allowed_names="", allowed_dns_sans=[], required_extensions="", token_type=""),
        get(f"{_AT}/certs/e"),
        *(_role("e", **{field: "9000h"}) for field in ("token_ttl", "token_max_ttl", "token_period", "ttl")),
        _role("e", token_ttl=0, token_max_ttl=0, token_period=0),
        get(f"{_AT}/login", token=None),
        delete(f"{_AT}/login"),
        services=("clients",),
    ),
    *(
        case(
            f"cert leave to {capability}",
            _enable(),
            policy(f'path "{_AT}/*" {{ capabilities = ["{capability}"] }}'),
            token("t", policies=["<m>"]),
            *(post(f"{_AT}/{path}", {}, token="<t>") for path in ("certs/a", "config", "crls/a")),
        )
        for capability in ("create", "update")
    ),
    case(
        "cert logins",
        _enable(),
        _login(),
        post(f"{_AT}/login", {}, token=None),
        _role("b", token_policies="b"),
        _role("a", allowed_names="nobody"),
        _role("c", token_policies="c"),
        _login(),
        _login(name="c"),
        _login(name="C"),
        _login(name="a"),
        _login(name="none"),
        post(f"{_AT}/login", {}, token=None),
        _login("<below>"),
        _login("<silent>"),
        _login("<nameless>"),
        delete(f"{_AT}/certs/a"),
        delete(f"{_AT}/certs/b"),
        delete(f"{_AT}/certs/c"),
        post(f"{_AT}/certs/p", {"certificate": "<pinned_pem>"}),
        _login("<pinned>"),
        post(f"{_AT}/certs/p", {"certificate": "<authority_pem><pinned_pem>"}),
        _login("<pinned>"),
        _login(),
        post(
            f"{_AT}/certs/p",
            {"certificate": "<authority_pem>", "allowed_metadata_extensions": "1.2.3.4,1.2.3.9"},
        ),
        _login(),
        _role("p", token_bound_cidrs="10.0.0.0/8"),
        _login(),
        kind="tls",
        services=("clients",),
    ),
    case(
        "cert constraints",
        _enable(),
        *(step for fields in _FITS for step in (delete(f"{_AT}/certs/a"), _role(**fields), _login())),
        _role(required_extensions="nonsense"),
        kind="tls",
        services=("clients",),
    ),
    case(
        "cert renewals and revocation lists",
        _enable(),
        _role(token_policies="a", token_ttl=600),
        post(f"{_AT}/login", {}, token=None, shows="<client>", keep={"t": "auth.client_token"}),
        get("auth/token/lookup-self", token="<t>"),
        post("auth/token/renew-self", {}, token="<t>", shows="<client>"),
        post("auth/token/renew-self", {}, token="<t>"),
        post("auth/token/renew-self", {}, token="<t>", shows="<twin>"),
        _role(token_policies="b", token_ttl=600),
        post("auth/token/renew-self", {}, token="<t>", shows="<client>"),
        _role(token_policies="a", token_ttl=600),
        post(f"{_AT}/config", {"disable_binding": True}),
        post("auth/token/renew-self", {}, token="<t>"),
        delete(f"{_AT}/certs/a"),
        post("auth/token/renew-self", {}, token="<t>", shows="<client>"),
        _role(),
        list_(f"{_AT}/crls"),
        get(f"{_AT}/crls/none"),
        delete(f"{_AT}/crls/none"),
        post(f"{_AT}/crls/x", {}),
        post(f"{_AT}/crls/x", {"crl": "nonsense"}),
        post(f"{_AT}/crls/x", {"url": "nonsense"}),
        post(f"{_AT}/crls/x", {"crl": "<list>"}),
        get(f"{_AT}/crls/x"),
        list_(f"{_AT}/crls"),
        _login(),
        _login("<twin>"),
        post(f"{_AT}/crls/x", {"crl": "<empty_list>"}),
        get(f"{_AT}/crls/x"),
        _login(),
        post(f"{_AT}/crls/x", {"crl": "<list>"}),
        delete(f"{_AT}/crls/x"),
        _login(),
        _role(ocsp_enabled=True),
        _login(),
        kind="tls",
        services=("clients",),
    ),
)
