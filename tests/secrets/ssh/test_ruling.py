"""What a role allows, against a slow and obvious model of its documented rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import ssh_key
from strongroom.crypto.ssh_certificate import MOST_PRINCIPALS, Certificate
from strongroom.errors import BadRequest
from strongroom.logical import SECOND
from strongroom.secrets.ssh.role import Role
from strongroom.secrets.ssh.ruling import SKIPPED, Bounds, Caller, Wish, rule
from tests.crypto.test_ssh_key import ED25519, line

NOW = 1_800_000_000
KEY = ssh_key.read_public(ED25519)
BOUNDS = Bounds(default=3600, longest=7200)
ROLE = Role("ca", allow_user_certificates=True, allowed_users="ann,bob", default_user="ann")
ANN = Caller(
    "userpass-ann", {"entity": {"name": "ann", "metadata": {"list": "a,b", "star": "*", "empty": ""}}}
)


def ruled(role: Role, caller: Caller = ANN, **wish: Any) -> Certificate:
    return rule(role, Wish(**{"key": KEY, **wish}), caller, BOUNDS, name="r", now=NOW * SECOND, serial=5)[0]


def refused(role: Role, caller: Caller = ANN, **wish: Any) -> str:
    with pytest.raises(BadRequest) as raised:
        ruled(role, caller, **wish)
    return raised.value.public


# -- the model -------------------------------------------------------------------------------------

_NAMES = ("a", "b.a", "c.b.a", "x")
_LISTS = st.lists(st.sampled_from(_NAMES), max_size=3).map(",".join)
_OPTIONS = st.dictionaries(st.sampled_from(("p", "q", "r")), st.just(""), max_size=2)
_TIMES = st.sampled_from((0, 60, 5000, 7200, 9000))

ROLES = st.builds(
    Role,
    key_type=st.just("ca"),
    default_user=_LISTS,
    allowed_users=_LISTS | st.just("*"),
    allowed_domains=_LISTS | st.just("*"),
    allow_bare_domains=st.booleans(),
    allow_subdomains=st.booleans(),
    allow_user_certificates=st.booleans(),
    allow_host_certificates=st.booleans(),
    allow_user_key_ids=st.booleans(),
    allow_empty_principals=st.booleans(),
    ttl=_TIMES,
    max_ttl=_TIMES,
    not_before_duration=_TIMES,
    allowed_critical_options=st.sampled_from(("", "p", "p,q")),
    allowed_extensions=st.sampled_from(("", "p", "p,q", "*")),
    default_critical_options=_OPTIONS,
    default_extensions=_OPTIONS,
)
WISHES = st.builds(
    Wish,
    key=st.just(KEY),
    cert_type=st.sampled_from(("user", "host")),
    valid_principals=_LISTS,
    key_id=st.sampled_from(("", "me")),
    ttl=st.none() | _TIMES,
    critical_options=_OPTIONS,
    extensions=_OPTIONS,
)


def may_stand_for(role: Role, kind: str, name: str) -> bool:
    """Whether a certificate may name a user or host."""
    if kind == "user":
        return role.allowed_users == "*" or name in role.allowed_users.split(",")
    if role.allowed_domains == "*":
        return True
    for domain in filter(None, role.allowed_domains.split(",")):
        if name == domain and role.allow_bare_domains:
            return True
        if len(name) > len(domain) and name.endswith("." + domain) and role.allow_subdomains:
            return True
    return False


def modelled(role: Role, wish: Wish) -> dict[str, Any] | None:
    """What is certified; None for a refusal."""
    user = wish.cert_type == "user"
    principals = wish.valid_principals or (role.default_user if user else "")
    names = {name for name in principals.split(",") if name}
    longest = role.max_ttl or BOUNDS.longest
    asked = BOUNDS.default if wish.ttl == 0 else wish.ttl
    ttl = asked or min(role.ttl or BOUNDS.default, longest)
    allowed = (
        set(wish.extensions) if role.allowed_extensions == "*" else set(role.allowed_extensions.split(","))
    )
    critical = set(role.allowed_critical_options.split(",")) if role.allowed_critical_options else {*"pqr"}
    for holds in (
        role.allow_user_certificates if user else role.allow_host_certificates,
        names or role.allow_empty_principals,
        all(may_stand_for(role, wish.cert_type, name) for name in names),
        not wish.key_id or role.allow_user_key_ids,
        ttl <= longest,
        set(wish.extensions) <= allowed,
        set(wish.critical_options) <= critical,
    ):
        if not holds:
            return None
    return {
        "principals": names,
        "start": NOW - role.not_before_duration,
        "end": NOW + ttl,
        "extensions": wish.extensions or role.default_extensions,
        "critical": wish.critical_options or role.default_critical_options,
    }


@settings(max_examples=400, deadline=None)
@given(ROLES, WISHES)
def test_against_the_model(role: Role, wish: Wish) -> None:
    wanted = modelled(role, wish)
    try:
        made, _ = rule(role, wish, ANN, BOUNDS, name="r", now=NOW * SECOND, serial=5)
    except BadRequest:
        assert wanted is None
        return
    assert wanted == {
        "principals": set(made.principals),
        "start": made.valid_after,
        "end": made.valid_before,
        "extensions": made.extensions,
        "critical": made.critical_options,
    }
    assert made.kind == wish.cert_type
    assert len(made.principals) == len(set(made.principals))


# -- what the model leaves out ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "shown"),
    (
        ("", f"vault-userpass-ann-{KEY.hash}"),
        ("{{role_name}}/{{token_display_name}}/{{public_key_hash}}", f"r/userpass-ann/{KEY.hash}"),
        ("{{other}} fix", "{{other}} fix"),
    ),
)
def test_key_ids(form: str, shown: str) -> None:
    assert ruled(replace(ROLE, key_id_format=form)).key_id == shown


def test_a_name_of_a_token_is_no_format() -> None:
    role = replace(ROLE, key_id_format="{{token_display_name}}")
    assert ruled(role, Caller("{{role_name}}")).key_id == "{{role_name}}"
    assert ruled(ROLE, Caller("")).key_id == f"vault-{KEY.hash}"


def test_names_of_the_entity() -> None:
    role = replace(ROLE, allowed_users="{{ identity.entity.name }}-x, bob", allowed_users_template=True)
    assert ruled(role, valid_principals="bob,ann-x").principals == ("ann-x", "bob")
    role = replace(ROLE, default_user="{{identity.entity.name}}", default_user_template=True)
    assert ruled(role).principals == ("ann",)
    assert "not a valid value" in refused(replace(role, default_user_template=False))


@pytest.mark.parametrize("path", ("entity.metadata.none", "entity.metadata.empty", "entity", "x", ""))
def test_a_value_that_is_not_there(path: str) -> None:
    role = replace(ROLE, allowed_users="ann,{{identity." + path + "}}", allowed_users_template=True)
    assert "no value could be found" in refused(role)


def test_a_caller_without_an_entity() -> None:
    nobody = Caller("token")
    role = replace(ROLE, allowed_users="{{identity.entity.name}},ann", allowed_users_template=True)
    assert ruled(role, nobody).principals == ("ann",)
    assert "not a valid value" in refused(role, nobody, valid_principals="{{identity.entity.name}}")
    role = replace(
        ROLE, allowed_users="*", default_user="{{identity.entity.name}}", default_user_template=True
    )
    assert "no value could be found" in refused(role, nobody)


def test_extensions_that_name_the_entity() -> None:
    extensions = {"login@example.com": "{{identity.entity.metadata.list}}", "permit-pty": ""}
    role = replace(ROLE, default_extensions=extensions, default_extensions_template=True)
    assert ruled(role).extensions == {"login@example.com": "a,b", "permit-pty": ""}
    made, warnings = rule(role, Wish(KEY), Caller("token"), BOUNDS, name="r", now=NOW * SECOND, serial=5)
    assert made.extensions == {"permit-pty": ""}
    assert warnings == [SKIPPED]


def test_values_that_would_widen_a_role() -> None:
    role = replace(ROLE, allowed_users="*", default_user_template=True)
    commas = replace(role, default_user="x-{{identity.entity.metadata.list}}")
    assert "forbidden value" in refused(commas)
    assert ruled(replace(commas, allow_commas_in_identity_templates=True)).principals == ("b", "x-a")
    stars = replace(role, default_user="x-{{identity.entity.metadata.star}}")
    assert "forbidden value" in refused(stars)
    assert ruled(replace(stars, allow_wildcards_in_identity_templates=True)).principals == ("x-*",)


def test_a_value_with_a_star_does_not_mean_all() -> None:
    text = "{{identity.entity.metadata.star}}"
    role = replace(ROLE, allowed_users=text, allowed_users_template=True)
    role = replace(role, allow_wildcards_in_identity_templates=True)
    assert "not a valid value" in refused(role, valid_principals="root")


@pytest.mark.parametrize("host", (".a.com", "x..a.com", "..a.com", "ba.com", "a.com.", "x.a.com\n", "A.COM"))
def test_hosts_that_are_not_below_a_domain(host: str) -> None:
    role = replace(ROLE, allow_host_certificates=True, allowed_domains="a.com", allow_subdomains=True)
    if host == "x.a.com\n":
        assert ruled(role, cert_type="host", valid_principals=host).principals == ("x.a.com",)
    else:
        assert "not a valid value" in refused(role, cert_type="host", valid_principals=host)


def test_no_more_principals_than_ssh_reads() -> None:
    role = replace(ROLE, allowed_users="*")
    names = ",".join(str(number) for number in range(MOST_PRINCIPALS + 1))
    assert "at most 256" in refused(role, valid_principals=names)
    assert len(ruled(role, valid_principals=names.rpartition(",")[0]).principals) == MOST_PRINCIPALS


@pytest.mark.parametrize(
    "wish",
    (
        {"key_id": "x" * 70_000},
        {"valid_principals": "x" * 70_000},
        {"extensions": {"x": "é" * 35_000}},
        {"critical_options": {str(number): "" for number in range(10_000)}},
    ),
)
def test_no_certificate_is_larger_than_ssh_takes(wish: dict[str, Any]) -> None:
    role = replace(ROLE, allowed_users="*", allow_user_key_ids=True, allowed_extensions="*")
    assert "larger than SSH takes" in refused(role, **wish)


RSA_1024 = ssh_key.read_public(line(b"ssh-rsa", b"\1\0\1", b"\x7f" + b"\xff" * 127))


def test_a_weak_key_has_to_be_named() -> None:
    assert RSA_1024.bits == 1023
    assert "invalid size: 1023" in refused(ROLE, key=RSA_1024)
    assert ruled(replace(ROLE, allowed_user_key_lengths={"rsa": [1023]}), key=RSA_1024)
    assert "not allowed" in refused(replace(ROLE, allowed_user_key_lengths={"ed25519": [0]}), key=RSA_1024)


@pytest.mark.parametrize("name", ("ed25519", "ssh-ed25519", "sk-ssh-ed25519@openssh.com"))
def test_keys_in_security_tokens_by_their_names(name: str) -> None:
    own = ssh_key.read_public(line(b"sk-ssh-ed25519@openssh.com", b"\1" * 32, b"ssh:"))
    assert ruled(replace(ROLE, allowed_user_key_lengths={name: [0]}), key=own)
    if name.startswith("sk-"):
        assert "not allowed" in refused(replace(ROLE, allowed_user_key_lengths={name: [0]}))
