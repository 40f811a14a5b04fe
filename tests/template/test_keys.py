"""Keys, certificates and passwords that templates make: of the right shape, and never told in an error."""

from __future__ import annotations

import re

import bcrypt
import pytest

from strongroom.template import ExecutionError, LimitExceeded
from tests.template.world import Known, rendered

OWN = '{{ $key := sprig_genPrivateKey "ecdsa" }}'


@pytest.mark.parametrize(
    ("kind", "shape"),
    (
        ("ecdsa", "-----BEGIN EC PRIVATE KEY-----\n.+\n-----END EC PRIVATE KEY-----\n"),
        ("ed25519", "-----BEGIN PRIVATE KEY-----\n.+\n-----END PRIVATE KEY-----\n"),
        ("nope", "Unknown type nope"),
    ),
)
def test_private_keys(kind: str, shape: str) -> None:
    assert re.fullmatch(shape, rendered(f'{{{{ sprig_genPrivateKey "{kind}" }}}}'), re.DOTALL)


def test_certificates() -> None:
    text = (
        OWN
        + """{{ $ca := sprig_genCAWithKey "ca" 365 $key -}}
{{ $one := sprig_genSignedCertWithKey "a" (sprig_list "10.0.0.1") (sprig_list "a.example") 1 $ca $key -}}
{{ $two := sprig_genSelfSignedCertWithKey "a" nil nil 1 $key -}}
{{ $three := sprig_buildCustomCert (sprig_b64enc $ca.Cert) (sprig_b64enc $ca.Key) -}}
{{ eq $ca.Key $one.Key $key }} {{ eq $two.Key $key }} {{ eq $three.Cert $ca.Cert }} {{ printf "%T" $one }}
{{- range sprig_list $ca.Cert $one.Cert $two.Cert }} {{ regexMatch "^-----BEGIN CERTIFICATE" . }}{{ end }}"""
    )
    assert rendered(text) == "true true true sprig.certificate true true true"


def test_hashed_passwords() -> None:
    hashed = rendered('{{ sprig_bcrypt "secret" }}')
    assert hashed.startswith("$2a$10$")
    assert bcrypt.checkpw(b"secret", hashed.encode())
    user, _, line = rendered('{{ sprig_htpasswd "ann" "secret" }}').partition(":")
    assert user == "ann"
    assert bcrypt.checkpw(b"secret", line.encode())


def test_encrypted_texts_come_back() -> None:
    assert rendered('{{ sprig_encryptAES "k" "pläin" | sprig_decryptAES "k" }}') == "pläin"


@pytest.mark.parametrize(
    "call",
    (
        'sprig_genCAWithKey "a" 1 "canary"',
        'sprig_genSelfSignedCertWithKey "a" (sprig_list "canary") nil 1 $key',
        'sprig_genSelfSignedCertWithKey "a" (sprig_list 1) nil 1 $key',
        'sprig_buildCustomCert "canary" "canary"',
        'sprig_decryptAES "canary" "Y2FuYXJ5"',
        'sprig_getHostByName "canary"',
    ),
)
def test_errors_tell_nothing(call: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        rendered('{{ $x := "canary" }}' + OWN + "{{ " + call.replace('"canary"', "$x") + " }}")
    assert "canary" not in str(caught.value)


def test_costly_functions_are_counted() -> None:
    with pytest.raises(LimitExceeded):
        rendered('{{ range loop 200 }}{{ sprig_genPrivateKey "ed25519" }}{{ end }}')


def test_addresses_of_hosts() -> None:
    class Connected(Known):
        def addresses(self, name: str) -> list[str]:
            return ["192.0.2.1"] if name == "here" else []

    assert rendered('{{ sprig_getHostByName "here" }}', Connected()) == "192.0.2.1"
    with pytest.raises(ExecutionError, match="no address"):
        rendered('{{ sprig_getHostByName "there" }}', Connected())
