"""Everything the paths declare, filled with what might be meant and what cannot be: nothing is our fault."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from strongroom.framework.field import Field
from strongroom.framework.path import Path
from strongroom.secrets.pki.engine import Pki
from tests.inprocess import InProcess, inprocess
from tests.secrets.pki import csr
from tests.secrets.pki.authority import issued, mounted

_TEXTS = [
    *("", "x", "default", "root", "any", "kk", "1.2.3", "*", "1.2.3;utf8:a", "a.b", "10.0.0.0/8", "::1"),
    *("2030-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1h", "ec", "rsa", "mldsa"),
    *("pem", "der", "pem_bundle", "pkcs8", "truncate", "permit", "forbid", "ttl-limited", "ServerAuth"),
    *("CertSign", "EncipherOnly", '{"a":1}', '[{"oid":"1.2.3"}]', "\x00", "é", "ä.example.com", "http://x/y"),
    *("{{issuer_id}}", "{{cluster_path}}", "a" * 300, "99999999h", "-1", "http://[", "SHA256WithRSAPSS"),
    *("ff:ff", "00:00", "2.999.1", "0.5", "1.99", "a..b", "@", "a@b", "*.a", "*.*", "xn--", "-----BEGIN"),
    *(csr.PLAIN, csr.FULL, csr.USER, csr.ADDRESS),
]
_HOLES = {
    "exported": ("internal", "exported", "existing", "kms"),
    "issuer_ref": ("default", "root", "root", "none"),
    "role": ("any", "any", "none"),
    "name": ("r2",),
    "key_ref": ("default", "kk", "none"),
    "form": ("der", "pem"),
}
_VERBS = {"read": "GET", "list": "LIST", "write": "POST", "patch": "PATCH"}
_WEIRD: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**31,
    2**63,
    1.5,
    [],
    {},
    [[]],
    {"a": "b"},
    [{"serial_number": "00:11"}],
)


class Chance(random.Random):
    """What a request is filled with."""

    texts: list[str]

    def value(self, field: Field) -> Any:
        zero = field.kind.zero
        if self.random() < 0.05:
            return self.choice(_WEIRD)
        if isinstance(zero, bool):
            return self.random() < 0.5
        if field.kind.schema.get("format") == "seconds":
            return self.choice(("1h", "24h", 0, 1, "100h"))
        if isinstance(zero, int):
            return self.choice((0, 0, -1, 1, 2, 256, 384, 100))
        many = isinstance(zero, list)
        return (
            [self.choice(self.texts) for _ in range(self.randrange(3))] if many else self.choice(self.texts)
        )

    def body(self, path: type[Path]) -> dict[str, Any]:
        rate = self.choice((0.02, 0.04, 0.08, 0.15))
        fields = [field for field in path.fields.values() if not field.in_path]
        body = {field.name: self.value(field) for field in fields if self.random() < rate}
        for name, usual in (("csr", self.choice((csr.PLAIN, csr.FULL, csr.URI))), ("common_name", "a.b")):
            body |= {name: usual} if name in path.fields and self.random() < 0.8 else {}
        if "key_type" in path.fields:  # RSA takes its time
            body["key_type"] = self.choice(("ec", "ec", "ed25519"))
        return body

    def path(self, path: type[Path]) -> str:
        def fill(hole: re.Match[str]) -> str:
            return self.choice(_HOLES.get(hole[1], self.texts[-2:]))

        return re.sub(r"\{(\w+)[!*?@]*\}", fill, path.pattern.removesuffix("/?"))


@pytest.mark.parametrize("seed", (8, 9))
def test_no_request_is_our_fault(seed: int) -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api)
        leaf = await issued(api)
        key = await api("POST", "pki/keys/generate/exported", {"key_type": "ec", "key_name": "kk"})
        chance = Chance(seed)
        bundle = root["certificate"] + key.data["private_key"]
        chance.texts = [*_TEXTS, root["certificate"], leaf["certificate"], bundle, leaf["private_key"]]
        chance.texts += [leaf["serial_number"], "ca"]
        for _ in range(900):
            path = chance.choice([path for path in Pki.paths if "acme" not in path.pattern])
            verb = _VERBS[
                chance.choice([operation for operation in _VERBS if hasattr(path, operation)] or ["read"])
            ]
            body = chance.body(path) if verb in ("POST", "PATCH") else None
            headers = {"Content-Type": "application/merge-patch+json"} if verb == "PATCH" else {}
            answer = await api(verb, f"pki/{chance.path(path)}", body, headers)
            assert answer.status < 500, (verb, path.pattern, body, answer)

    inprocess(scenario)
