"""Data source names, taken apart before credentials are put in."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.errors import BadRequest
from strongroom.secrets.database.dsn import DSN, dsn
from strongroom.secrets.database.plugin import Settings

HOSTILE = "p@ss:w/ord?tls=false&x=(y)"


def _dsn(*place: Any, **more: Any) -> DSN:
    return DSN("u@'ser", HOSTILE, *place, **more)


def of(url: str) -> DSN:
    return dsn(Settings("u@'ser", HOSTILE, {"connection_url": url}))


@pytest.mark.parametrize(
    ("url", "expected"),
    (
        ("{{username}}:{{password}}@tcp(db.example:3307)/", _dsn("db.example", 3307)),
        ("{{username}}:{{password}}@tcp(db.example)/shop", _dsn("db.example", database="shop")),
        ("{{username}}:{{password}}@tcp([::1]:3307)/", _dsn("::1", 3307)),
        ("{{username}}:{{password}}@/", DSN("u@'ser", HOSTILE)),
        ("{{username}}:{{password}}@unix(/run/my.sock)/", _dsn("", 0, "/run/my.sock")),
        ("root:in@line/pw@tcp(h)/?tls=true", DSN("root", "in@line/pw", "h", parameters={"tls": "true"})),
    ),
)  # fmt: skip
def test_what_a_name_says(url: str, expected: DSN) -> None:
    assert of(url) == expected


@pytest.mark.parametrize(
    "url",
    (
        "",
        "nonsense",
        "u:p@tcp(h:0)/",
        "u:p@tcp(h:70000)/",
        "u:p@udp(h)/",
        "u:p@tcp(h/",
        "u:p@tcp(h)/?no=1",
        "u:p@tcp(h)/?tls=mine",
    ),
)
def test_names_that_cannot_be(url: str) -> None:
    with pytest.raises(BadRequest, match="connection_url"):
        of(url)


def test_credentials_hold_no_placeholders() -> None:
    with pytest.raises(BadRequest, match="template variables"):
        dsn(Settings("{{password}}", "x", {"connection_url": "{{username}}:{{password}}@/"}))
