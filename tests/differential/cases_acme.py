"""ACME: what is configured, directories, external account keys, and refusals of what no client signed."""

from __future__ import annotations

from tests.differential.case import Step, case, delete, get, list_, mount, post, put

_HEADERS = ["Replay-Nonce", "Link", "Location"]
_B64_EMPTY = "e30"


def authority(**config: object) -> tuple[Step, ...]:
    """A mount with a root, a role and ACME enabled. Only the peer needs the headers tuned."""
    return (
        mount("pki"),
        post("sys/mounts/<m>/tune", {"allowed_response_headers": _HEADERS}),
        post("<m>/root/generate/internal", {"common_name": "r", "key_type": "ec"}, only=("data.nothing",)),
        post("<m>/config/cluster", {"path": "https://ca.test/v1/<m>"}),
        post("<m>/roles/r", {"allow_any_name": True}, only=("data.allow_any_name",)),
        post("<m>/config/acme", {"enabled": True, **config}),
    )


def config(**fields: object) -> tuple[Step, Step]:
    return post("<m>/config/acme", fields), get("<m>/config/acme")


def directory(place: str = "acme", **options: object) -> Step:
    return get(f"<m>/{place}/directory", token=None, **options)


def message(protected: str | None = None, payload: str = "", signature: str = "AAAA") -> dict[str, str]:
    body = {"payload": payload, "signature": signature}
    return body if protected is None else body | {"protected": protected}


CASES = (
    case(
        "acme configuration",
        mount("pki"),
        get("<m>/config/acme"),
        post("<m>/config/acme", {"enabled": True}),
        *authority()[2:],
        get("<m>/config/acme"),
        *config(allowed_roles="r", allowed_issuers="default"),
        *config(allowed_roles=["*"], allowed_issuers=["*"]),
        *config(default_directory_policy="role:r"),
        *config(default_directory_policy="forbid"),
        *config(default_directory_policy="sign-verbatim"),
        *config(eab_policy="Always-Required", allow_role_ext_key_usage=True),
        *config(eab_policy="new-account-required"),
        *config(dns_resolver="127.0.0.1:53"),
        *config(dns_resolver=""),
        *config(enabled=False),
        post("<m>/config/acme", {}),
        put("<m>/config/acme", {"enabled": True}),
        delete("<m>/config/acme"),
        list_("<m>/config/acme"),
        get("<m>/config/acme", token=None),
        post("<m>/config/acme", {"enabled": False}, token=None),
    ),
    case(
        "acme configurations that are refused",
        *authority(),
        post("<m>/config/acme", {"allowed_roles": "none"}),
        post("<m>/config/acme", {"allowed_roles": []}),
        post("<m>/config/acme", {"allowed_roles": ["*", "r"]}),
        post("<m>/config/acme", {"allowed_issuers": "none"}),
        post("<m>/config/acme", {"allowed_issuers": []}),
        post("<m>/config/acme", {"default_directory_policy": "odd"}),
        post("<m>/config/acme", {"default_directory_policy": ""}),
        post("<m>/config/acme", {"default_directory_policy": "role:none"}),
        post("<m>/config/acme", {"default_directory_policy": "role:"}),
        post("<m>/config/acme", {"dns_resolver": "odd"}),
        post("<m>/config/acme", {"dns_resolver": "127.0.0.1"}),
        post("<m>/config/acme", {"dns_resolver": "localhost:53"}),
        post("<m>/config/acme", {"dns_resolver": ":53"}),
        post("<m>/config/acme", {"eab_policy": "odd"}),
        post("<m>/config/acme", {"eab_policy": ""}),
        post("<m>/config/acme", {"enabled": "odd"}),
        post("<m>/config/acme", {"odd": "x"}),
        get("<m>/config/acme"),
    ),
    case(
        "acme directories",
        mount("pki"),
        directory(),
        get("<m>/acme/new-nonce", token=None),
        post("<m>/acme/new-account", {}, token=None),
        *authority()[1:],
        directory(),
        directory("roles/r/acme"),
        directory("issuer/default/acme"),
        directory("issuer/default/roles/r/acme"),
        directory("roles/none/acme"),
        directory("issuer/none/acme"),
        directory("issuer/none/roles/r/acme"),
        directory("issuer/default/roles/none/acme"),
        get("<m>/acme/new-nonce", token=None),
        get("<m>/roles/r/acme/new-nonce", token=None),
        get("<m>/roles/none/acme/new-nonce", token=None),
        Step("HEAD", "<m>/acme/new-nonce", token=None),
        post("<m>/acme/directory", {}, token=None),
        delete("<m>/acme/directory", token=None),
        post("<m>/acme/new-nonce", {}, token=None),
        get("<m>/acme/new-order", token=None),
        post("<m>/config/acme", {"eab_policy": "always-required"}),
        directory(),
        post("<m>/config/acme", {"default_directory_policy": "forbid"}),
        directory(),
        directory("roles/r/acme"),
        post("<m>/config/acme", {"enabled": False}),
        directory(),
        directory("roles/r/acme"),
    ),
    case(
        "acme external account keys",
        *authority(),
        list_("<m>/eab"),
        post("<m>/acme/new-eab", {}, keep={"id": "data.id"}, only=("data.acme_directory", "data.key_type")),
        list_("<m>/eab"),
        list_("<m>/eab/"),
        get("<m>/eab"),
        get("<m>/eab/<id>"),
        delete("<m>/eab/<id>"),
        delete("<m>/eab/<id>"),
        list_("<m>/eab"),
        *(
            post(f"<m>/{place}/new-eab", {}, only=("data.acme_directory", "data.key_type"))
            for place in ("roles/r/acme", "issuer/default/acme", "issuer/default/roles/r/acme")
        ),
        list_("<m>/eab", only=("data.nothing",)),
        post("<m>/acme/new-eab", {}, token=None),
        list_("<m>/eab", token=None),
        delete("<m>/eab/x", token=None),
        get("<m>/acme/new-eab"),
    ),
    case(
        "acme messages that nobody signed",
        *authority(),
        *(
            post(f"<m>/acme/{place}", message(), token=None)
            for place in (
                "new-account",
                "new-order",
                "orders",
                "revoke-cert",
                "account/00000000-0000-4000-8000-000000000000",
                "authorization/x",
                "challenge/x/http-01",
            )
        ),
        post("<m>/acme/new-account", {}, token=None),
        post("<m>/acme/new-account", message("!"), token=None, only=("type",)),
        post("<m>/acme/new-account", message(_B64_EMPTY), token=None, only=("type",)),
        post("<m>/acme/new-account", message("eyJhbGciOiJub25lIn0"), token=None, only=("type",)),
    ),
)
