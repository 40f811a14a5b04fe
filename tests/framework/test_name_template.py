from __future__ import annotations

import re

import pytest

from strongroom.framework.name_template import BadTemplate, NameTemplate
from strongroom.logical import SECOND

NOW = 1_700_000_000 * SECOND + 123_456_789  # 2023-11-14T22:13:20Z


def made(text: str) -> str:
    return NameTemplate(text).render(NOW, display_name="token-Ann", role_name="readers")


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
        ('{{if eq .RoleName "readers"}}r{{else}}x{{end}}{{len .RoleName}}', "r7"),
        ("{{$short := .RoleName | truncate 2}}{{$short}}-{{$short}}{{/* twice */}}", "re-re"),
        ('{{ printf "%q%05d" .RoleName 7 }}{{ print "a" 1 }}{{ slice .RoleName 0 2 }}', '"readers"00007a1re'),
        ("{{random 0}}", ""),
    ),
)
def test_names(text: str, name: str) -> None:
    assert made(text) == name


def test_what_is_random_is_so_every_time() -> None:
    assert re.fullmatch(r"[0-9A-Za-z]{20}", made("{{random 20}}"))
    assert re.fullmatch(r"[0-9a-f-]{36}", made("{{uuid}}"))
    assert made("{{random 20}}{{uuid}}") != made("{{random 20}}{{uuid}}")


@pytest.mark.parametrize(
    "text",
    (
        "{{",
        "{{.RoleName",
        "{{}}",
        "{{ nothing }}",
        "{{ .RoleName .DisplayName }}",
        "{{ .RoleName | 5 }}",
        "{{ random }}",
        "{{ random 1 2 }}",
        "{{ (unix_time }}",
        "{{ unix_time) }}",
        "{{ & }}",
        "{{" + "(" * 100 + "uuid" + ")" * 100 + "}}",
        "x" * 5000,
        "{{.Nothing}}",
        "{{random -1}}",
        "{{random 5000}}",
        "{{random 99999999999999999999}}",
        '{{random "3"}}',
        "{{truncate 0 .RoleName}}",
        "{{truncate_sha256 8 .RoleName}}",
        '{{printf "%s"}}',
        '{{printf "%s" "a" "b"}}',
        '{{printf "%d" "a"}}',
        "{{random 4000}}{{random 4000}}",
        '{{env "HOME"}}',
        '{{file "/etc/passwd"}}',
        '{{define "a"}}{{template "a"}}{{end}}{{template "a"}}',
    ),
)
def test_what_makes_no_names_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(BadTemplate, match="unable to initialize username template"):
        NameTemplate(text, what="username")


def test_what_only_some_names_make_is_refused_then() -> None:
    with pytest.raises(BadTemplate, match="unable to apply template"):
        made('{{if eq .RoleName "readers"}}{{random 5000}}{{end}}')
