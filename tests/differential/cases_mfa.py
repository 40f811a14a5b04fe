"""A second factor for logins: methods, enforcements, secrets, both phases."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.differential.case import Step, case, delete, get, list_, policy, post

METHOD = "identity/mfa/method"
ENFORCEMENT = "identity/mfa/login-enforcement"


def method(variable: str = "mfa", **fields: Any) -> Step:
    return post(f"{METHOD}/totp", {"issuer": "Iss", **fields}, keep={variable: "data.method_id"})


def enforcement(**fields: Any) -> Step:
    return post(f"{ENFORCEMENT}/<m>", {"mfa_method_ids": ["<mfa>"], **fields})


def login(**options: Any) -> Step:
    return post("auth/<m>/login/ann", {"password": "pw"}, token=None, **options)


def validate(**body: Any) -> Step:
    return post("sys/mfa/validate", body, token=None)


HERE = {"X-Vault-Namespace": "<m>"}
BELOW = {"X-Vault-Namespace": "<m>/sub"}
MINE = {"method_id": "<mfa>"}
PING = b"use_base64_key=YWI=\nuse_signature=true\ntoken=t\nidp_url=https://idp\norg_alias=o\nadmin_url=https://a\n"
OUTSIDE: tuple[tuple[str, tuple[dict[str, Any], ...], dict[str, Any]], ...] = (
    (
        "duo",
        ({}, {"secret_key": "s"}, {"secret_key": "s", "integration_key": "i"}),
        {
            "secret_key": "s",
            "integration_key": "i",
            "api_hostname": "duo.example",
            "push_info": "a=b",
            "use_passcode": True,
            "username_format": "{{identity.entity.name}}",
        },
    ),
    ("okta", ({}, {"org_name": "o"}), {"org_name": "o", "api_token": "t", "primary_email": True}),
    ("okta", ({"api_token": "t"},), {"org_name": "o", "api_token": "t", "production": True}),
    ("okta", ({},), {"org_name": "o", "api_token": "t", "base_url": "okta-emea.com", "production": False}),
    (
        "pingid",
        ({}, {"settings_file_base64": ""}),
        {"settings_file_base64": b64encode(PING).decode(), "username_format": "x"},
    ),
)
DOOR = (
    policy('path "identity/mfa/method/totp/generate" { capabilities = ["update"] }'),
    post("sys/auth/<m>", {"type": "userpass"}),
    get("sys/auth/<m>", keep={"at": "data.accessor"}, only=("data.type",)),
    post("auth/<m>/users/ann", {"password": "pw", "token_policies": "<m>"}),
    login(keep={"t": "auth.client_token", "entity": "auth.entity_id"}),
)


CASES = (
    case(
        "mfa methods",
        list_(METHOD),
        list_(f"{METHOD}/totp"),
        *(
            post(f"{METHOD}/totp", {"issuer": "x", **fields})
            for fields in (
                {"issuer": ""},
                {"period": 0},
                {"digits": 7},
                {"algorithm": "MD5"},
                {"algorithm": "sha1"},
                {"skew": 2},
                {"key_size": 0},
                {"max_validation_attempts": -1},
                {"period": "x"},
            )
        ),
        method(method_name="phone"),
        method(method_name="phone", digits=8),
        get(f"{METHOD}/totp/<mfa>"),
        get(f"{METHOD}/<mfa>"),
        list_(METHOD),
        list_(f"{METHOD}/totp"),
        list_(f"{METHOD}/duo"),
        post(f"{METHOD}/totp/<mfa>", {"period": 60}),
        post(f"{METHOD}/totp/<mfa>", {"issuer": "new", "period": 60}),
        get(f"{METHOD}/totp/<mfa>"),
        get(f"{METHOD}/00000000-0000-0000-0000-000000000000"),
        delete(f"{METHOD}/totp/<mfa>"),
        delete(f"{METHOD}/totp/<mfa>"),
        get(f"{METHOD}/totp/<mfa>"),
        list_(METHOD),
        kind="fresh",
    ),
    case(
        "mfa enforcements",
        DOOR,
        method(),
        list_(ENFORCEMENT, only=()),
        get(f"{ENFORCEMENT}/<m>"),
        post(f"{ENFORCEMENT}/<m>", {}),
        post(f"{ENFORCEMENT}/<m>", {"mfa_method_ids": ["nope"]}),
        enforcement(),
        enforcement(auth_method_types=["bogus"]),
        enforcement(auth_method_accessors=["bogus"]),
        enforcement(identity_group_ids=["bogus"]),
        enforcement(identity_entity_ids=["bogus"]),
        enforcement(identity_entity_ids=["<entity>"]),
        get(f"{ENFORCEMENT}/<m>"),
        enforcement(auth_method_accessors=["<at>"]),
        get(f"{ENFORCEMENT}/<m>"),
        post(f"{ENFORCEMENT}/<m>", {"auth_method_accessors": ["<at>"]}),
        list_(ENFORCEMENT, only=("data.key_info.mfa-enforcements",)),
        delete(f"{METHOD}/totp/<mfa>"),
        delete(f"{ENFORCEMENT}/<m>"),
        delete(f"{ENFORCEMENT}/<m>"),
        delete(f"{METHOD}/totp/<mfa>"),
    ),
    case(
        "mfa secrets",
        DOOR,
        method(qr_size=0, method_name="<m>"),
        *(
            post(f"{METHOD}/totp/generate", body)
            for body in ({}, {"method_id": "nope"}, {"method_id": "<mfa>"})
        ),
        post(
            f"{METHOD}/totp/generate", {"method_id": "<mfa>"}, token="<t>", only=("data.barcode", "warnings")
        ),
        post(f"{METHOD}/totp/generate", {"method_id": "<mfa>"}, token="<t>"),
        *(
            post(f"{METHOD}/totp/{operation}", body)
            for operation in ("admin-generate", "admin-destroy")
            for body in (
                {},
                {"method_id": "<mfa>"},
                {"method_id": "nope", "entity_id": "<entity>"},
                {"method_id": "<mfa>", "entity_id": "nope"},
                {"method_id": "<mfa>", "entity_id": "<entity>"},
            )
        ),
        post(
            f"{METHOD}/totp/admin-generate",
            {"method_id": "<mfa>", "entity_id": "<entity>"},
            only=("data.barcode", "warnings"),
        ),
    ),
    case(
        "mfa logins",
        DOOR,
        method(),
        enforcement(auth_method_accessors=["<at>"]),
        login(keep={"waiting": "auth.mfa_requirement.mfa_request_id"}),
        validate(),
        validate(mfa_request_id="nope", mfa_payload={"<mfa>": ["1"]}),
        validate(mfa_request_id="<waiting>"),
        validate(mfa_request_id="<waiting>", mfa_payload={"other": ["1"]}),
        validate(mfa_request_id="<waiting>", mfa_payload={"<mfa>": "1"}),
        validate(mfa_request_id="<waiting>", mfa_payload=[1]),
        validate(mfa_request_id="<waiting>", mfa_payload={"<mfa>": ["000000"]}),
        post(
            f"{METHOD}/totp/admin-generate",
            {"method_id": "<mfa>", "entity_id": "<entity>"},
            only=("warnings",),
        ),
        validate(mfa_request_id="<waiting>", mfa_payload={"<mfa>": ["12"]}),
        validate(mfa_request_id="<waiting>", mfa_payload={"<mfa>": []}),
        login(headers={"X-Vault-MFA": "<mfa>:12"}),
        login(headers={"X-Vault-MFA": "nope"}),
        delete(f"{ENFORCEMENT}/<m>"),
        login(headers={"X-Vault-MFA": "<mfa>:12"}),
    ),
    case(
        "mfa in namespaces below",
        post("sys/namespaces/<m>", {}, keep={"id": "data.id"}),
        post("sys/namespaces/sub", {}, headers=HERE, keep={"below": "data.id"}),
        *(
            step
            for where in (HERE, BELOW)
            for step in (
                post("sys/auth/door", {"type": "userpass"}, headers=where),
                post("auth/door/users/ann", {"password": "pw"}, headers=where),
            )
        ),
        post(
            "auth/door/login/ann",
            {"password": "pw"},
            headers=BELOW,
            token=None,
            keep={"entity": "auth.entity_id"},
            only=("auth.policies",),
        ),
        post(f"{METHOD}/totp", {"issuer": "Iss"}, headers=HERE, keep={"mfa": "data.method_id"}),
        *(get(f"{METHOD}/{path}<mfa>", headers=BELOW) for path in ("", "totp/")),
        *(list_(f"{METHOD}{path}", headers=BELOW, only=("data.key_info.<mfa>",)) for path in ("", "/totp")),
        post(f"{METHOD}/totp/<mfa>", {"issuer": "Iss"}, headers=BELOW),
        post(
            f"{ENFORCEMENT}/e", {"mfa_method_ids": ["<mfa>"], "auth_method_types": ["userpass"]}, headers=HERE
        ),
        get(f"{ENFORCEMENT}/e", headers=BELOW),
        list_(ENFORCEMENT, headers=BELOW),
        *(
            post("auth/door/login/ann", {"password": "pw"}, headers=where, token=None)
            for where in (HERE, BELOW)
        ),
        post(
            "auth/door/login/ann",
            {"password": "pw"},
            headers=BELOW,
            token=None,
            keep={"waiting": "auth.mfa_requirement.mfa_request_id"},
            only=("auth.client_token",),
        ),
        *(
            post(
                "sys/mfa/validate",
                {"mfa_request_id": "<waiting>", "mfa_payload": {"<mfa>": ["12"]}},
                headers=where,
                token=None,
            )
            for where in (HERE, BELOW)
        ),
        post(
            f"{METHOD}/totp/admin-generate",
            {"method_id": "<mfa>", "entity_id": "<entity>"},
            headers=BELOW,
            only=("warnings", "errors"),
        ),
        post(
            "sys/mfa/validate",
            {"mfa_request_id": "<waiting>", "mfa_payload": {"<mfa>": ["12"]}},
            headers=BELOW,
            token=None,
        ),
        post(
            f"{ENFORCEMENT}/f",
            {"mfa_method_ids": ["<mfa>"], "auth_method_types": ["userpass"]},
            headers=BELOW,
        ),
        delete(f"{ENFORCEMENT}/e", headers=HERE),
        delete(f"{METHOD}/totp/<mfa>", headers=HERE, only=("data",)),
        delete(f"{ENFORCEMENT}/f", headers=BELOW),
        delete(f"{METHOD}/totp/<mfa>", headers=HERE),
        delete("sys/namespaces/sub", headers=HERE, only=("errors",)),
        delete("sys/namespaces/<m>", pause=1, only=("errors",)),
    ),
    case(
        "mfa by services outside",
        *(
            step
            for kind, bad, good in OUTSIDE
            for step in (
                *(post(f"{METHOD}/{kind}", fields) for fields in bad),
                post(f"{METHOD}/{kind}", good, keep={"mfa": "data.method_id"}),
                get(f"{METHOD}/{kind}/<mfa>"),
                get(f"{METHOD}/<mfa>"),
                list_(f"{METHOD}/{kind}"),
                list_(f"{METHOD}/totp"),
                get(f"{METHOD}/totp/<mfa>"),
                post(f"{METHOD}/{kind}", {**good, "method_name": "<m>"}, keep={"named": "data.method_id"}),
                post(f"{METHOD}/{kind}", {**good, "method_name": "<m>"}),
                post(f"{METHOD}/{kind}/<mfa>", {}),
                post(f"{METHOD}/{kind}/<mfa>", good),
                get(f"{METHOD}/{kind}/<mfa>"),
                delete(f"{METHOD}/{kind}/<mfa>"),
                delete(f"{METHOD}/{kind}/<named>"),
                list_(f"{METHOD}/{kind}"),
            )
        ),
        kind="fresh",
    ),
)
