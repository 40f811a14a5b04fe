"""Identity tokens: keys, roles, tokens, and what others check them with."""

from __future__ import annotations

from tests.differential.case import Step, case, delete, get, list_, policy, post

O = "identity/oidc"  # noqa: E741  as short as what it stands for is frequent


def person(variable: str = "t") -> tuple[Step, ...]:
    """Somebody with an entity, whose token is kept."""
    return (
        policy('path "identity/oidc/*" { capabilities = ["read", "create", "update", "list"] }'),
        post("sys/auth/<m>", {"type": "userpass"}),
        post("auth/<m>/users/ann", {"password": "pw", "token_policies": "<m>"}),
        post(
            "auth/<m>/login/ann",
            {"password": "pw"},
            token=None,
            keep={variable: "auth.client_token", "entity": "auth.entity_id"},
        ),
    )


def role(template: str) -> Step:
    return post(f"{O}/role/<m>", {"key": "<m>", "template": template})


BACK = "https://app/cb"
VERIFIER = "v" * 43
S256 = "JzB4LkmKUUe9Xn8qS_2hw-JT83rqx6v2hHXlZMv0p9I"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ASKED = {
    "client_id": "<id>",
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "openid",
    "state": "st",
}


def authorize(token: str = "<t>", provider: str = "<m>", **changes: object) -> Step:
    asked = {name: value for name, value in (ASKED | changes).items() if value is not None}
    return post(f"{O}/provider/{provider}/authorize", asked, token=token, keep={"code": "code"}, only=CODE)


CODE = ("error", "error_description", "state", "errors")
"""All that is compared of an answer to a code: codes differ."""
TOKENS = ("error", "error_description", "expires_in", "token_type", "errors")


def exchange(provider: str = "<m>", **changes: object) -> Step:
    sent = {
        "grant_type": "authorization_code",
        "code": "<code>",
        "redirect_uri": BACK,
        "client_id": "<id>",
        "client_secret": "<secret>",
    } | changes
    body = {name: value for name, value in sent.items() if value is not None}
    keep = {"access": "access_token"}
    return post(f"{O}/provider/{provider}/token", body, token=None, keep=keep, only=TOKENS)


BEARER = {"Authorization": "Bearer <access>"}
USERINFO = get(f"{O}/provider/<m>/userinfo", token=None, headers=BEARER)


def application(**fields: object) -> tuple[Step, ...]:
    """Somebody, and an application that they may log in to."""
    return (
        *person(),
        post(f"{O}/key/<m>", {"algorithm": "ES256", "allowed_client_ids": "*"}),
        post(f"{O}/client/<m>", {"key": "<m>", "redirect_uris": BACK, "assignments": "allow_all", **fields}),
        get(
            f"{O}/client/<m>",
            keep={"id": "data.client_id", "secret": "data.client_secret"},
            only=("data.client_type", "data.authorization_code", "data.client_credentials"),
        ),
        post(f"{O}/scope/<m>", {"template": '{"groups": {{identity.entity.groups.names}}}'}),
        post(f"{O}/provider/<m>", {"allowed_client_ids": ["<id>"], "scopes_supported": ["<m>"]}),
    )


CASES = (
    case(
        "oidc issuer",
        get(f"{O}/config"),
        post(f"{O}/config", {}),
        *(
            post(f"{O}/config", {"issuer": one})
            for one in (
                "x.example",
                "ftp://x.example",
                "https://x/y",
                "https://x/",
                "https://x?y",
                "https://",
            )
        ),
        post(f"{O}/config", {"issuer": "https://x.example:8200"}),
        get(f"{O}/config"),
        get(f"{O}/.well-known/openid-configuration", token=None),
        get(f"{O}/.well-known/keys", token=None),
        post(f"{O}/config", {"issuer": ""}),
        get(f"{O}/.well-known/openid-configuration", token=None),
        delete(f"{O}/config"),
        kind="fresh",
    ),
    case(
        "oidc keys",
        list_(f"{O}/key"),
        get(f"{O}/key/default"),
        delete(f"{O}/key/default"),
        get(f"{O}/key/none"),
        delete(f"{O}/key/none"),
        post(f"{O}/key/none/rotate", {}),
        post(f"{O}/key/a", {}),
        get(f"{O}/key/a"),
        post(f"{O}/key/b", {"algorithm": "HS256"}),
        post(f"{O}/key/b", {"algorithm": "ES256", "rotation_period": "59s"}),
        post(f"{O}/key/b", {"algorithm": "ES256", "rotation_period": "0"}),
        post(f"{O}/key/b", {"algorithm": "ES256", "rotation_period": "1h", "verification_ttl": "11h"}),
        post(f"{O}/key/b", {"algorithm": "ES256", "rotation_period": "1h", "verification_ttl": "10h"}),
        post(f"{O}/key/b", {"algorithm": "ES384", "allowed_client_ids": "x,y"}),
        get(f"{O}/key/b"),
        post(f"{O}/key/b/rotate", {}),
        post(f"{O}/key/b/rotate", {"verification_ttl": "100h"}),
        post(f"{O}/key/b/rotate", {"verification_ttl": 0}),
        get(f"{O}/key/b/rotate"),
        list_(f"{O}/key"),
        get(f"{O}/key"),
        get(O),
        delete(f"{O}/key/a"),
        list_(f"{O}/key/"),
        kind="fresh",
    ),
    case(
        "oidc roles",
        list_(f"{O}/role"),
        get(f"{O}/role/r"),
        delete(f"{O}/role/r"),
        post(f"{O}/role/r", {}),
        post(f"{O}/role/r", {"key": "none"}),
        post(f"{O}/key/k", {"algorithm": "ES256", "rotation_period": "1h", "verification_ttl": "1h"}),
        post(f"{O}/role/r", {"key": "k"}),
        post(f"{O}/role/r", {"key": "k", "ttl": "2h"}),
        post(f"{O}/role/r", {"key": "k", "ttl": "1h", "client_id": "app"}),
        get(f"{O}/role/r"),
        post(f"{O}/role/r", {"ttl": 0, "template": "e30="}),
        get(f"{O}/role/r"),
        post(f"{O}/role/r", {"client_id": ""}),
        get(f"{O}/role/r"),
        list_(f"{O}/role"),
        post(f"{O}/role/r", {"ttl": "1h"}),
        post(f"{O}/key/k", {"verification_ttl": "30m"}),
        delete(f"{O}/key/k"),
        get(f"{O}/.well-known/keys", token=None, only=("keys.0.kty", "keys.1.crv", "keys.2", "keys.0.use")),
        delete(f"{O}/role/r"),
        delete(f"{O}/key/k"),
        get(f"{O}/.well-known/keys", token=None),
        kind="fresh",
    ),
    case(
        "oidc templates",
        post(f"{O}/key/<m>", {"algorithm": "ES256"}),
        *(
            role(text)
            for text in (
                '{"a": {{identity.entity.id}}, "b": [{{identity.entity.groups.names}}] }',
                '{"a": {{identity.entity.metadata.x}}, "b": {{time.now.plus.1h30m}} }',
                '{"a": {{identity.entity.bogus}} }',
                '{"a": {{identity.entity.name.x}} }',
                '{"a": {{identity.entity.aliases}} }',
                '{"a": {{}} }',
                '{"a": {{time.now.plus}} }',
                '{"a": {{time.now.bogus.1}} }',
                '{"a": {{identity.groups.names.g.id}} }',
                '{"a": "{{identity.entity.name}}" }',
                "{{bad",
                '{{"a":1}}',
                "[1]",
                "no json",
                '{"aud": 1}',
                '{"nonce": 1}',
                '{"jti": 1}',
                '{"a": {"b": {{identity.entity.id}}}}',
            )
        ),
    ),
    case(
        "oidc tokens",
        person(),
        post(f"{O}/key/<m>", {"algorithm": "ES256"}),
        post(f"{O}/role/<m>", {"key": "<m>", "client_id": "app"}),
        get(f"{O}/token/<m>", token="<t>"),
        post(f"{O}/key/<m>", {"allowed_client_ids": ["other", "app"]}),
        get(f"{O}/token/<m>", token="<t>", keep={"jwt": "data.token"}),
        get(f"{O}/token/<m>"),
        get(f"{O}/token/none", token="<t>"),
        post(f"{O}/introspect", {"token": "<jwt>"}),
        post(f"{O}/introspect", {"token": "<jwt>"}, token=None),
        post(f"{O}/introspect", {"token": "<jwt>", "client_id": "app"}, token="<t>"),
        post(f"{O}/introspect", {"token": "<jwt>", "client_id": "x"}, only=("active",)),
        post(f"{O}/introspect", {"token": "<jwt>A"}, only=("active",)),
        post(f"{O}/introspect", {"token": "abc"}, only=("active",)),
        post(f"{O}/introspect", {}, only=("active",)),
        post(f"{O}/key/<m>/rotate", {"verification_ttl": 0}),
        post(f"{O}/introspect", {"token": "<jwt>"}),
        get(f"{O}/token/<m>", token="<t>", keep={"jwt": "data.token"}),
        post("identity/entity/id/<entity>", {"disabled": True}),
        post(f"{O}/introspect", {"token": "<jwt>"}, only=("active",)),
    ),
    case(
        "oidc assignments and scopes",
        list_(f"{O}/assignment"),
        get(f"{O}/assignment/allow_all"),
        post(f"{O}/assignment/allow_all", {"entity_ids": "x"}),
        delete(f"{O}/assignment/allow_all"),
        post(f"{O}/assignment/a", {}),
        get(f"{O}/assignment/a"),
        post(f"{O}/assignment/a", {"entity_ids": ["x"], "group_ids": "g,h"}),
        get(f"{O}/assignment/a"),
        list_(f"{O}/assignment"),
        post(f"{O}/client/c", {"assignments": ["a", "b"]}),
        post(f"{O}/client/c", {"assignments": ["a"]}),
        delete(f"{O}/assignment/a"),
        delete(f"{O}/assignment/b"),
        get(f"{O}/assignment/b"),
        list_(f"{O}/scope"),
        post(f"{O}/scope/openid", {}),
        get(f"{O}/scope/openid"),
        post(f"{O}/scope/s", {}),
        get(f"{O}/scope/s"),
        post(f"{O}/scope/s", {"template": '{"at_hash": 1}'}),
        post(f"{O}/scope/s", {"template": '{"a": {{identity.entity.id}} }', "description": "d"}),
        get(f"{O}/scope/s"),
        post(f"{O}/provider/p", {"scopes_supported": ["s"]}),
        delete(f"{O}/scope/s"),
        delete(f"{O}/scope/none"),
        list_(f"{O}/scope"),
        kind="fresh",
    ),
    case(
        "oidc clients and providers",
        list_(f"{O}/client"),
        post(f"{O}/client/c", {"key": "none"}),
        post(f"{O}/client/c", {"client_type": "x"}),
        post(f"{O}/client/c", {"id_token_ttl": "48h"}),
        post(f"{O}/client/c", {"id_token_ttl": 0, "access_token_ttl": "1000h", "redirect_uris": ["no uri"]}),
        list_(f"{O}/client"),
        post(f"{O}/client/c", {"client_type": "public"}),
        post(f"{O}/client/c", {"client_type": "confidential", "key": "default"}),
        post(f"{O}/client/pub", {"client_type": "public"}),
        get(f"{O}/client/pub"),
        post(f"{O}/key/k", {"algorithm": "ES256", "rotation_period": "1h", "verification_ttl": "1h"}),
        post(f"{O}/client/c", {"key": "k"}),
        post(f"{O}/client/k", {"key": "k"}),
        post(f"{O}/client/k", {"key": "k", "id_token_ttl": "30m"}),
        post(f"{O}/key/k", {"verification_ttl": "20m"}),
        delete(f"{O}/key/k"),
        get(f"{O}/client/none"),
        delete(f"{O}/client/none"),
        list_(f"{O}/provider", unordered=True),
        get(f"{O}/provider/default"),
        delete(f"{O}/provider/default"),
        post(f"{O}/provider/p", {}),
        get(f"{O}/provider/p"),
        post(f"{O}/provider/p", {"issuer": "bad"}),
        post(f"{O}/provider/p", {"scopes_supported": ["none"]}),
        post(f"{O}/provider/p", {"scopes_supported": ["openid"]}),
        post(f"{O}/provider/p", {"allowed_client_ids": ["x", "x"], "issuer": "https://x.example:1"}),
        get(f"{O}/provider/p"),
        list_(f"{O}/provider", unordered=True),
        get(f"{O}/provider?list=true&allowed_client_id=y"),
        get(f"{O}/provider/p/.well-known/openid-configuration", token=None),
        get(f"{O}/provider/p/.well-known/keys", token=None),
        get(f"{O}/provider/default/.well-known/openid-configuration", token=None),
        get(f"{O}/provider/none/.well-known/openid-configuration", token=None),
        get(f"{O}/provider/none/.well-known/keys", token=None),
        get(f"{O}/provider/none"),
        delete(f"{O}/provider/none"),
        delete(f"{O}/provider/p"),
        *(
            post(f"{O}/assignment/{name}", {"entity_ids": ["Z", "a", "Z"], "group_ids": "z,a,z"})
            for name in "za"
        ),
        get(f"{O}/assignment/z"),
        post(
            f"{O}/client/pub",
            {"assignments": ["z", "a", "z"], "redirect_uris": "https://z,https://a,https://z"},
        ),
        get(f"{O}/client/pub"),
        kind="fresh",
    ),
    case(
        "oidc authorize",
        application(),
        authorize(),
        authorize(provider="none"),
        *(
            authorize(**changes)
            for changes in (
                {"scope": None},
                {"scope": "profile"},
                {"scope": "openid other <m>"},
                {"response_type": None},
                {"response_type": "token"},
                {"client_id": None},
                {"client_id": "x"},
                {"redirect_uri": None},
                {"redirect_uri": "https://other"},
                {"redirect_uri": BACK + "/"},
                {"state": None},
                {"nonce": ""},
                {"max_age": 0},
                {"max_age": -1},
                {"max_age": "x"},
                {"max_age": 1000},
                {"request": "x"},
                {"request_uri": "x"},
                {"code_challenge": "short"},
                {"code_challenge": "c" * 43},
                {"code_challenge": "c" * 43, "code_challenge_method": "x"},
                {"code_challenge": "c" * 129},
            )
        ),
        authorize(token="<root>"),
        post(f"{O}/client/<m>", {"assignments": []}),
        authorize(),
        post(f"{O}/assignment/<m>", {"entity_ids": ["<entity>"]}),
        post(f"{O}/client/<m>", {"assignments": ["<m>"]}),
        authorize(),
        post(f"{O}/provider/<m>", {"allowed_client_ids": ["x"]}),
        authorize(),
        post(f"{O}/provider/<m>", {"allowed_client_ids": ["*"]}),
        post(f"{O}/client/<m>", {"redirect_uris": ["http://127.0.0.1:1/cb", "http://localhost/cb"]}),
        authorize(redirect_uri="http://127.0.0.1:2/cb"),
        authorize(redirect_uri="http://localhost:2/cb"),
        authorize(redirect_uri="http://[::1]:2/cb"),
        authorize(redirect_uri="http://127.0.0.1:2/other"),
        post(f"{O}/client/<m>", {"authorization_code": False, "redirect_uris": BACK}),
        authorize(),
    ),
    case(
        "oidc exchange",
        application(),
        authorize(),
        exchange(),
        exchange(),
        get(f"{O}/provider/<m>/userinfo", token="<access>"),
        get("auth/token/lookup-self", token="<access>"),
        get(f"{O}/provider/default/userinfo", token="<access>"),
        get(f"{O}/provider/<m>/userinfo", token="<t>"),
        get(f"{O}/provider/<m>/userinfo", token=None),
        authorize(),
        exchange(provider="none"),
        exchange(client_id=None),
        exchange(client_id="x"),
        exchange(client_secret="x"),
        exchange(client_secret=None),
        exchange(grant_type=None),
        exchange(grant_type="password"),
        exchange(),
        exchange(code=None),
        exchange(code="bad"),
        authorize(),
        exchange(redirect_uri="https://other"),
        authorize(),
        exchange(provider="default"),
        authorize(code_challenge=S256, code_challenge_method="S256"),
        exchange(code_verifier="x" * 43),
        authorize(code_challenge=S256, code_challenge_method="S256"),
        exchange(),
        authorize(),
        exchange(code_verifier=VERIFIER),
        authorize(code_challenge=VERIFIER),
        exchange(code_verifier=VERIFIER),
        authorize(scope="openid <m>"),
        exchange(),
        USERINFO,
        post(f"{O}/provider/<m>/userinfo", token=None, headers=BEARER),
        post(f"{O}/client/<m>", {"assignments": []}),
        USERINFO,
        exchange(grant_type="client_credentials"),
        post(f"{O}/client/<m>", {"assignments": ["allow_all"], "client_credentials": True}),
        exchange(grant_type="client_credentials"),
        exchange(grant_type="client_credentials", scope="openid"),
        authorize(),
        post(f"{O}/key/<m>", {"allowed_client_ids": "x"}),
        exchange(),
        post(f"{O}/key/<m>", {"allowed_client_ids": "*"}),
        authorize(),
        post("identity/entity/id/<entity>", {"disabled": True}),
        exchange(),
        USERINFO,
    ),
)
