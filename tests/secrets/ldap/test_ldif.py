"""LDIF change records: what is understood, and what is refused by line."""

from __future__ import annotations

import pytest

from strongroom.secrets.ldap.ldif import MAX_LENGTH, BadLDIF, Change, parse
from strongroom.secrets.ldap.role import fill

ADD = """\
# an account
version: 1

dn: cn=a,dc=x
objectClass: person
objectClass: top
cn: a
description:: w6QK
sn: a long
  line

dn: cn=g,dc=x
changetype: modify
add: member
member: cn=a,dc=x
-
delete: member
-
replace: description
description: one
description: two

dn: cn=old,dc=x
changetype: delete
"""


def test_changes_in_order() -> None:
    assert parse(ADD) == [
        Change(
            "add",
            "cn=a,dc=x",
            [
                ("objectClass", [b"person", b"top"]),
                ("cn", [b"a"]),
                ("description", ["ä\n".encode()]),
                ("sn", [b"a long line"]),
            ],
        ),
        Change(
            "modify",
            "cn=g,dc=x",
            steps=[
                ("add", "member", [b"cn=a,dc=x"]),
                ("delete", "member", []),
                ("replace", "description", [b"one", b"two"]),
            ],
        ),
        Change("delete", "cn=old,dc=x"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    (
        ("", "there is no record"),
        ("cn: a", "begins with dn"),
        ("dn: cn=a\nwhatever", "line 2"),
        ("dn: cn=a\nuserPassword:< file:///etc/shadow", "by URL"),
        ("dn: cn=a\nuserPassword:: ***", "base64"),
        ("dn: cn=a\nchangetype: modrdn\nnewrdn: cn=b", "changetype"),
        ("dn: cn=a\nchangetype: modify\nadd: member\nother: x", "a value of member"),
        ("dn: cn=a\nchangetype: modify\nmember: x", "expected add"),
        ("dn: cn=a", "has attributes"),
        ("dn: cn=a\nx: " + "y" * MAX_LENGTH, "characters"),
    ),
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(BadLDIF, match=reason):
        parse(text)


@pytest.mark.parametrize(
    "password", ("plain", " a ", ":x", "<file:///etc/passwd", "a\nuid: root", "é☂", "-", "#")
)
def test_a_value_is_read_as_it_was_put_in(password: str) -> None:
    for template in ("userPassword: {{.Password}} ", "userPassword:{{.Password}}\r"):
        (made,) = parse(
            fill(f"dn: cn={{{{.Username}}}}\n{template}\ncn: a", {"Username": "u", "Password": password})
        )
        assert made == Change("add", "cn=u", [("userPassword", [password.encode()]), ("cn", [b"a"])])
