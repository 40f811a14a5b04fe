"""SSH: issuers, roles, what is signed and what is refused, passwords for one login."""

from __future__ import annotations

from typing import Any

from tests.differential.case import Step, case, delete, get, list_, mount, policy, post, put

_ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGgX0mr41eUkEmBDK8AEtRZadchJ8ThaWV+hpVaw2nzM"
_EC = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBSOcQvGMR+G72Dx9eQZUG/yV0IbCf"
    "NEDEJe9q59Xe6Uv9QrWprc7tVtoZfQCP0uu2nSFHR7HLCZhzbJymejUPc="
)
_PRIVATE = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACBQ7a1Vb8XcMKEqhgNAVkIrJrZuyT+WJxv2dyNnWF4zMQAAAIiAhqfagIan
2gAAAAtzc2gtZWQyNTUxOQAAACBQ7a1Vb8XcMKEqhgNAVkIrJrZuyT+WJxv2dyNnWF4zMQ
AAAECD1OZIguFhxC97VgxQJ+ZU2xlOoI3h8xfEAnwNPEGeMFDtrVVvxdwwoSqGA0BWQism
tm7JP5YnG/Z3I2dYXjMxAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
"""
_PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFDtrVVvxdwwoSqGA0BWQismtm7JP5YnG/Z3I2dYXjMx test"
_CA = {"key_type": "ca", "allow_user_certificates": True}
_USERS = {**_CA, "allowed_users": "a,b", "default_user": "a"}
_HOSTS = {"key_type": "ca", "allow_host_certificates": True}
_OTP = {"key_type": "otp", "default_user": "u"}
_SIZES: tuple[dict[str, Any], ...] = (
    {"rsa": 2048},
    {"ed25519": 0},
    {"ed25519": 256},
    {"ed25519": []},
    {"ssh-ed25519": 0},
    {"ec": 256},
    {"ec": [384, 256]},
    {"ec": 384},
    {"ec": []},
    {"ecdsa": 256},
    {"ecdsa-sha2-nistp256": 0},
    {"ecdsa-sha2-nistp384": 384},
)
_counter = iter(range(10_000))


def _role(**fields: Any) -> Step:
    return post("<m>/roles/r", fields)


def _sign(**fields: Any) -> Step:
    """A certificate that is signed differs in the nonce and the signature."""
    number = next(_counter)
    kept = {f"cert{number}": "data.signed_key", f"serial{number}": "data.serial_number"}
    return post("<m>/sign/r", {"public_key": _ED, **fields}, keep=kept)


def _issue(**fields: Any) -> Step:
    number = next(_counter)
    names = {"cert": "signed_key", "serial": "serial_number", "key": "private_key"}
    return post("<m>/issue/r", fields, keep={f"{a}{number}": f"data.{b}" for a, b in names.items()})


def _host(principals: str) -> Step:
    return _sign(cert_type="host", valid_principals=principals)


def _generated(path: str, **fields: Any) -> Step:
    number = next(_counter)
    fields = {"key_type": "ec", **fields}
    return post(path, fields, keep={f"id{number}": "data.issuer_id", f"pub{number}": "data.public_key"})


CASES = (
    case(
        "ssh ca",
        mount("ssh"),
        get("<m>/config/ca"),
        get("<m>/public_key", token=None),
        get("<m>/issuer/default/public_key", token=None),
        delete("<m>/config/ca"),
        *(
            post("<m>/config/ca", fields)
            for fields in (
                {"generate_signing_key": False},
                {"generate_signing_key": True, "private_key": "x", "public_key": "y"},
                {"private_key": "x"},
                {"public_key": "x"},
                {"public_key": "x", "generate_signing_key": False},
                {"private_key": "x", "public_key": "y"},
                {"private_key": "x", "public_key": _ED},
                {"key_type": "bad"},
                {"key_type": "rsa", "key_bits": 1024},
                {"key_type": "ec", "key_bits": 224},
            )
        ),
        _generated("<m>/config/ca"),
        _generated("<m>/config/ca", key_type="ecdsa-sha2-nistp384", key_bits=5),
        _generated("<m>/config/ca", key_type="ecdsa-sha2-nistp521"),
        _generated("<m>/config/ca", key_type="ec", key_bits=384),
        _generated("<m>/config/ca", key_type="ssh-ed25519"),
        _generated("<m>/config/ca", key_type="ed25519", key_bits=7),
        get("<m>/config/ca"),
        get("<m>/public_key", token=None),
        post(
            "<m>/config/ca", {"private_key": _PRIVATE, "public_key": _PUBLIC}, keep={"own": "data.issuer_id"}
        ),
        post("<m>/config/ca", {"private_key": _PRIVATE, "public_key": _PUBLIC}),
        get("<m>/config/ca"),
        get("<m>/public_key", token=None),
        delete("<m>/config/ca"),
        delete("<m>/config/ca"),
        get("<m>/config/ca"),
        get("<m>/nothing"),
    ),
    case(
        "ssh issuers",
        mount("ssh"),
        list_("<m>/issuers"),
        get("<m>/config/issuers"),
        post("<m>/config/issuers", {}),
        post("<m>/config/issuers", {"default": "default"}),
        post("<m>/config/issuers", {"default": "none"}),
        _generated("<m>/issuers/import/one"),
        get("<m>/config/issuers"),
        _generated("<m>/issuers/import/two", key_type="ed25519", set_default=True),
        _generated("<m>/issuers/import"),
        post("<m>/issuers/import/two", {"key_type": "ec"}),
        post("<m>/issuers/import/default", {"key_type": "ec"}),
        post("<m>/issuers/import", {"generate_signing_key": False}),
        get("<m>/config/issuers"),
        list_("<m>/issuers"),
        get("<m>/issuers"),
        get("<m>/issuer/one"),
        get("<m>/issuer/two"),
        get("<m>/issuer/default"),
        get("<m>/issuer/none"),
        get("<m>/issuer/one/public_key", token=None),
        get("<m>/issuer/none/public_key", token=None),
        get("<m>/issuer/one", token=None),
        post("<m>/issuer/one", {"issuer_name": "uno"}),
        get("<m>/issuer/one"),
        post("<m>/issuer/uno", {"issuer_name": "two"}),
        post("<m>/issuer/uno", {"issuer_name": "default"}),
        post("<m>/issuer/uno", {"issuer_name": "a b"}),
        post("<m>/issuer/uno", {"issuer_name": "uno"}),
        post("<m>/issuer/none", {"issuer_name": "x"}),
        post("<m>/config/issuers", {"default": "uno"}),
        _role(**_USERS, issuer_ref="two"),
        _sign(),
        _role(**_USERS),
        _sign(),
        delete("<m>/issuer/two"),
        delete("<m>/issuer/two"),
        delete("<m>/issuer/uno"),
        get("<m>/config/issuers"),
        get("<m>/issuer/default"),
        _sign(),
        delete("<m>/config/ca"),
        list_("<m>/issuers"),
    ),
    case(
        "ssh roles",
        mount("ssh"),
        list_("<m>/roles"),
        get("<m>/roles/none"),
        delete("<m>/roles/none"),
        *(
            step
            for fields in (
                {},
                {"key_type": "bad"},
                {"key_type": "dynamic"},
                {"key_type": "ca"},
                _CA,
                _HOSTS,
                {"key_type": "otp"},
                _OTP,
                {**_OTP, "cidr_list": "10.0.0.0/8,1.2.3.0/24", "exclude_cidr_list": "10.1.0.0/16", "port": 0},
                {**_OTP, "cidr_list": "bad"},
                {**_OTP, "cidr_list": "1.2.3.4"},
                {**_OTP, "cidr_list": "1.2.3.4/32", "exclude_cidr_list": "x"},
                {**_CA, "ttl": "1h", "max_ttl": "30m"},
                {
                    **_CA,
                    "ttl": "1h",
                    "max_ttl": "2h",
                    "not_before_duration": "1m",
                    "allowed_user_key_lengths": {"rsa": 2048, "ec": [256, "384"], "ed25519": []},
                    "algorithm_signer": "rsa-sha2-512",
                    "default_extensions": {"permit-pty": "", "a": 5, "b": True, "c": 1.5},
                    "default_critical_options": {"force-command": "/bin/true"},
                    "allowed_domains": "a.com",
                    "allow_bare_domains": True,
                    "issuer_ref": "none",
                    "unknown": 5,
                },
                {**_CA, "algorithm_signer": "bad"},
                {**_CA, "algorithm_signer": ""},
                {**_CA, "issuer_ref": ""},
                {**_CA, "allowed_user_key_lengths": {"rsa": "x"}},
                {**_CA, "allowed_user_key_lengths": "x"},
                {**_CA, "default_extensions": "x"},
                {**_CA, "ttl": -1},
                {**_CA, "port": "x"},
            )
            for step in (put("<m>/roles/r", fields), get("<m>/roles/r"), delete("<m>/roles/r"))
        ),
        post("<m>/roles/a.b@c-d", _OTP),
        post("<m>/roles/b", _CA),
        list_("<m>/roles"),
        list_("<m>/roles?after=a.b@c-d&limit=1"),
        get("<m>/roles"),
    ),
    case(
        "ssh certificates of users",
        mount("ssh"),
        _generated("<m>/config/ca"),
        post("<m>/sign/none", {"public_key": _ED}),
        post("<m>/issue/none", {}),
        _role(**_CA),
        _sign(),
        _sign(valid_principals="a"),
        _role(**_CA, allow_empty_principals=True),
        _sign(),
        _role(**_CA, default_user="a"),
        _sign(),
        _role(**_USERS),
        _sign(),
        _sign(valid_principals="b, a ,b,"),
        _sign(valid_principals="c"),
        _sign(valid_principals="a,c"),
        _sign(valid_principals=" , "),
        _sign(key_id="x"),
        _sign(cert_type="host"),
        _sign(cert_type="bad"),
        _sign(cert_type=""),
        _sign(ttl="1h", unknown=5),
        _sign(ttl="99999h"),
        _sign(ttl="x"),
        _sign(extensions={"permit-pty": ""}),
        _sign(extensions="x"),
        _sign(critical_options={"force-command": "x"}),
        *(_sign(public_key=key) for key in ("", "x", "ssh-rsa AAAA", _ED.split()[1], f"\n{_ED} me\n{_EC}")),
        _sign(public_key="x", key_id="x"),
        _sign(key_id="x", cert_type="bad"),
        _sign(cert_type="bad", valid_principals="x"),
        _sign(ttl="99999h", valid_principals="x"),
        _sign(ttl="99999h", extensions={"x": ""}),
        _role(**_USERS, allowed_critical_options="a", allowed_extensions="permit-pty", issuer_ref="none"),
        _sign(critical_options={"x": ""}, extensions={"x": ""}),
        _sign(extensions={"permit-pty": "", "x": ""}),
        _sign(extensions={"permit-pty": ""}),
        _role(**_USERS, max_ttl="20m", allow_user_key_ids=True, allowed_extensions="*"),
        _sign(key_id="x", extensions={"x": "y"}),
        _sign(ttl=0),
        _sign(ttl="30m"),
        _role(**{**_CA, "allowed_users": "*"}),
        _sign(valid_principals="x,y"),
        _sign(),
        _role(**{**_CA, "allowed_users": "*,a"}),
        _sign(valid_principals="x"),
        _role(**_OTP),
        _sign(),
        post("<m>/issue/r", {}),
    ),
    case(
        "ssh what is given empty",
        mount("ssh"),
        _generated("<m>/config/ca"),
        *(
            post(f"<m>/roles/{field}", {**_CA, field: networks})
            for field in ("cidr_list", "exclude_cidr_list")
            for networks in ("x", "1.2.3.4", "", "10.0.0.0/8")
        ),
        _role(**_USERS),
        _sign(valid_principals=""),
        _sign(),
        _role(**_USERS, allow_empty_principals=True),
        _sign(valid_principals=""),
        post("<m>/issuer/default", {"issuer_name": ""}),
        post("<m>/issuer/default", {"issuer_name": "n"}, only=("data.issuer_name", "errors")),
        post("<m>/issuer/n", {}, only=("data.issuer_name", "errors")),
        get("<m>/issuer/n"),
    ),
    case(
        "ssh certificates of hosts",
        mount("ssh"),
        _generated("<m>/config/ca"),
        _role(**_HOSTS),
        _sign(),
        _host(""),
        _host("a.com"),
        _role(**_HOSTS, allowed_domains="a.com,b.org"),
        _host("a.com"),
        _role(**_HOSTS, allowed_domains="a.com,b.org", allow_bare_domains=True),
        *(_host(name) for name in ("a.com", "a.com,b.org", "x.a.com", "ba.com")),
        _role(**_HOSTS, allowed_domains="a.com,b.org", allow_subdomains=True),
        *(_host(name) for name in ("a.com", "x.a.com,y.z.b.org", "xa.com", "X.A.COM", "*.a.com")),
        _role(**_HOSTS, allowed_domains="*"),
        _host("x,y.z"),
        _role(**_HOSTS, allowed_domains="a.com", default_user="a.com", allow_bare_domains=True),
        _host(""),
    ),
    case(
        "ssh sizes of keys",
        mount("ssh"),
        _generated("<m>/config/ca"),
        *(
            step
            for sizes in _SIZES
            for step in (
                _role(**_USERS, allowed_user_key_lengths=sizes),
                _sign(),
                _sign(public_key=_EC),
            )
        ),
    ),
    case(
        "ssh issued keys",
        mount("ssh"),
        _generated("<m>/config/ca"),
        _role(**_USERS),
        _issue(key_type="ec"),
        _issue(key_type="ec", key_bits=384, ttl="1h", unknown=5),
        _issue(key_type="ed25519", key_bits=5),
        _issue(key_type="ecdsa-sha2-nistp256"),
        _issue(key_type="rsa", key_bits=2048),
        _issue(key_type="ec", key_bits=1),
        _issue(key_type="rsa", key_bits=1024),
        _issue(key_type="dsa"),
        _issue(key_type="ec", valid_principals="x"),
        _issue(key_type="ec", cert_type="host"),
    ),
    case(
        "ssh names of entities",
        mount("ssh"),
        _generated("<m>/config/ca"),
        post("sys/auth/<m>", {"type": "userpass"}),
        policy('path "<m>/*" { capabilities = ["update"] }'),
        post("auth/<m>/users/ann", {"password": "x", "policies": "<m>"}),
        post(
            "auth/<m>/login/ann",
            {"password": "x"},
            token=None,
            keep={"ann": "auth.client_token", "acc": "auth.accessor", "entity": "auth.entity_id"},
        ),
        post(
            "identity/entity/id/<entity>",
            {"name": "<m>-e", "metadata": {"u": "u1", "list": "a,b", "star": "*", "dom": "ex.com"}},
        ),
        *(
            step
            for fields, wish in (
                ({"allowed_users": "x,{{identity.entity.metadata.u}}"}, {"valid_principals": "u1,x"}),
                ({"allowed_users": "s-{{identity.entity.metadata.u}}"}, {"valid_principals": "s-u1"}),
                ({"allowed_users": "x,{{identity.entity.metadata.no}}"}, {"valid_principals": "x"}),
                ({"allowed_users": "{{identity.entity.metadata.list}}"}, {"valid_principals": "a"}),
                ({"allowed_users": "{{identity.entity.metadata.star}}"}, {"valid_principals": "root"}),
                ({"allowed_users": "{{identity.entity.name}}"}, {"valid_principals": "<m>-e"}),
                (
                    {
                        "allowed_users": "{{identity.entity.metadata.list}}",
                        "allow_commas_in_identity_templates": True,
                    },
                    {"valid_principals": "a"},
                ),
                (
                    {
                        "allowed_users": "{{identity.entity.metadata.star}}",
                        "allow_wildcards_in_identity_templates": True,
                    },
                    {"valid_principals": "root"},
                ),
                (
                    {
                        "allowed_users": "*",
                        "default_user": "{{identity.entity.metadata.u}}",
                        "default_user_template": True,
                    },
                    {},
                ),
                (
                    {
                        "allowed_users": "*",
                        "default_user": "{{identity.entity.metadata.list}}",
                        "default_user_template": True,
                    },
                    {},
                ),
                (
                    {
                        "allowed_users": "a",
                        "default_user": "a",
                        "default_extensions_template": True,
                        "default_extensions": {"b": "{{identity.entity.metadata.no}}"},
                    },
                    {},
                ),
                (
                    {
                        "allowed_users": "a",
                        "default_user": "a",
                        "default_extensions_template": True,
                        "default_extensions": {"b": "{{identity.entity.metadata.list}}"},
                    },
                    {},
                ),
            )
            for step in (
                _role(**_CA, allowed_users_template=True, **fields),
                post(
                    "<m>/sign/r",
                    {"public_key": _ED, **wish},
                    token="<ann>",
                    keep={"c": "data.signed_key", "s": "data.serial_number"},
                ),
            )
        ),
        _role(**_CA, allowed_users="x,{{identity.entity.name}}", allowed_users_template=True),
        _sign(valid_principals="x"),
        _sign(valid_principals="<m>-e"),
    ),
    case(
        "ssh passwords",
        mount("ssh"),
        post(
            "<m>/roles/o", {**_OTP, "cidr_list": "10.0.0.0/8,1.2.3.0/24", "exclude_cidr_list": "10.1.0.0/16"}
        ),
        post("<m>/roles/p", {**_OTP, "cidr_list": "10.0.0.0/8", "allowed_users": "a,b", "port": 2222}),
        post("<m>/roles/z", _OTP),
        post("<m>/roles/c", _CA),
        *(
            post(f"<m>/creds/{role}", fields)
            for role, fields in (
                ("o", {}),
                ("o", {"ip": "10.1.3.4"}),
                ("o", {"ip": "11.1.3.4"}),
                ("o", {"ip": "x"}),
                ("o", {"ip": "::1"}),
                ("o", {"ip": "10.2.3.4", "username": "a"}),
                ("p", {"ip": "10.2.3.4", "username": "c"}),
                ("none", {"ip": "1.1.1.1"}),
                ("none", {}),
                ("c", {"ip": "1.1.1.1"}),
                ("z", {"ip": "1.1.1.1"}),
            )
        ),
        post("<m>/creds/o", {"ip": "10.2.3.4"}, keep={"otp": "data.key", "lease": "lease_id"}),
        post("sys/leases/lookup", {"lease_id": "<lease>"}),
        post("sys/leases/renew", {"lease_id": "<lease>"}),
        post("<m>/verify", {"otp": "<otp>"}, token=None),
        post("<m>/verify", {"otp": "<otp>"}, token=None),
        post(
            "<m>/creds/p",
            {"ip": "::ffff:10.2.3.4", "username": "b"},
            keep={"otp2": "data.key", "l2": "lease_id"},
        ),
        post("sys/leases/revoke", {"lease_id": "<l2>", "sync": True}),
        post("<m>/verify", {"otp": "<otp2>"}, token=None),
        post("<m>/verify", {}, token=None),
        post("<m>/verify", {"otp": "x"}, token=None),
        post("<m>/verify", {"otp": "verify-echo-request"}, token=None),
        get("<m>/creds/o"),
        *(post("<m>/lookup", fields) for fields in ({}, {"ip": "10.2.3.4"}, {"ip": "9.9.9.9"})),
        get("<m>/config/zeroaddress"),
        *(
            step
            for fields in ({}, {"roles": "none"}, {"roles": "z, o"}, {"roles": ["z"]}, {"roles": ""})
            for step in (post("<m>/config/zeroaddress", fields), get("<m>/config/zeroaddress"))
        ),
        post("<m>/creds/z", {"ip": "fe80::1"}, keep={"otp3": "data.key", "l3": "lease_id"}),
        post("<m>/verify", {"otp": "<otp3>"}, token=None),
        post("<m>/lookup", {"ip": "9.9.9.9"}),
        delete("<m>/roles/z"),
        get("<m>/config/zeroaddress"),
        post("<m>/creds/z", {"ip": "1.1.1.1"}),
        delete("<m>/config/zeroaddress"),
        get("<m>/config/zeroaddress"),
        delete("<m>/tidy/dynamic-keys"),
        list_("<m>/keys"),
    ),
)
