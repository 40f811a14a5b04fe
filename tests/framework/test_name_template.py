from __future__ import annotations

import re

import pytest

from strongroom.framework.name_template import BadTemplate, NameTemplate
from strongroom.logical import SECOND

NOW = 1_700_000_000 * SECOND + 123_456_789  # 2023-11-14T22:13:20Z


def made(text: str) -> str:
    return NameTemplate(text).render(NOW, DisplayName="token-Ann", RoleName="readers")


@pytest.mark.parametrize(
    ("text", "name"),
    (
        ("plain", "plain"),
        ("", ""),
        ("{{.RoleName}}", "readers"),
        ("v-{{ .DisplayName }}-{{.RoleName}}", "v-token-Ann-readers"),
        ("{{.DisplayName | truncate 5}}", "token"),
        ("{{truncate 3 .RoleName | uppercase}}", "REA"),
        ("{{.DisplayName | lowercase}}", "token-ann"),
        ('{{.DisplayName | replace "-" "_"}}', "token_Ann"),
        ("{{unix_time}}", "1700000000"),
        ("{{unix_time_millis}}", "1700000000123"),
        ('{{timestamp "2006-01-02T15:04:05Z"}}', "2023-11-14T22:13:20Z"),
        ('{{timestamp "Jan 06"}}', "Nov 23"),
        ('{{"a"}}{{`b"`}}{{"\\""}}', 'ab""'),
        ('{{ printf "v-%s-%d%%" (.RoleName | truncate 4) 7 }}', "v-read-7%"),
        ('{{ printf "%s" (unix_time) | truncate 4 }}', "1700"),
        ("{{.RoleName | sha256 | truncate 8}}", "e2257349"),
        ("{{.RoleName | base64}}", "cmVhZGVycw=="),
        ('{{"0123456789abcdef" | truncate_sha256 12}}', "0123d48c9adc"),
        ('{{"short" | truncate_sha256 12}}', "short"),
        ("a {{- .RoleName -}} b", "areadersb"),
    ),
)
def test_names(text: str, name: str) -> None:
    assert made(text) == name


def test_what_is_random_is_so_every_time() -> None:
    assert re.fullmatch(r"[0-9A-Za-z]{20}", made("{{random 20}}"))
    assert re.fullmatch(r"[0-9a-f-]{36}", made("{{uuid}}"))
    template = NameTemplate("{{random 20}}{{uuid}}")
    assert template.render(NOW) != template.render(NOW)


@pytest.mark.parametrize(
    "text",
    (
        "{{",
        "{{.RoleName",
        "{{}}",
        "{{ nothing }}",
        "{{if .RoleName}}x{{end}}",
        "{{ .RoleName .DisplayName }}",
        "{{ .RoleName | 5 }}",
        "{{ random }}",
        "{{ random 1 2 }}",
        "{{ (unix_time }}",
        "{{ unix_time) }}",
        "{{ & }}",
        "{{" + "(" * 100 + "uuid" + ")" * 100 + "}}",
        "x" * 5000,
    ),
)
def test_what_is_no_template_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(BadTemplate):
        NameTemplate(text)


@pytest.mark.parametrize(
    "text",
    (
        "{{.Nothing}}",
        "{{random 0}}",
        "{{random 5000}}",
        "{{random 99999999999999999999}}",
        '{{random "3"}}',
        "{{truncate_sha256 8 .RoleName}}",
        '{{printf "%s"}}',
        '{{printf "%s" "a" "b"}}',
        '{{printf "%x" "a"}}',
        "{{random 4000}}{{random 4000}}",
    ),
)
def test_what_cannot_be_carried_out_is_refused(text: str) -> None:
    with pytest.raises(BadTemplate):
        made(text)
