"""What an ACME client is answered, message by message: the same client asks the peer and Strongroom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.signing import Account, ec_key
from tests.server import Server

KEY, OTHER, LEAF = ec_key(), ec_key(), ec_key()
PLACE = "acme-dialogue"


@dataclass(slots=True)
class Dialogue:
    """A client of one server, and what it was told: status, type of problem or members of the answer."""

    server: Server
    account: Account = field(default_factory=lambda: Account(KEY))
    told: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"{self.server.address}/v1/{PLACE}"

    def url(self, rest: str) -> str:
        return rest if rest.startswith("http") else f"{self.base}/acme/{rest}"

    def nonce(self) -> str:
        return self.server.api.request("HEAD", f"{PLACE}/acme/new-nonce", token=None).headers["replay-nonce"]

    def post(self, what: str, rest: str, payload: Any = None, **header: Any) -> Any:
        url = self.url(rest)
        protected = {"nonce": self.nonce(), "url": url} | self.account.identity | header
        protected = {name: value for name, value in protected.items() if value is not None}
        body = signing.signed(self.account.key, protected, payload)
        answer = self.server.api.request("POST", url.partition("/v1/")[2], body, token=None)
        document = answer.json if answer.body else {}
        kind = str(document.get("type", "")).rpartition(":")[2]
        told = kind or tuple(sorted(document))
        headers = tuple(name for name in ("link", "location", "replay-nonce") if name in answer.headers)
        self.told.append((what, (answer.status, told, headers if answer.status < 400 else ())))
        return answer

    def refused(self) -> None:
        """Messages that are not heard."""
        for what, header in (
            ("no nonce", {"nonce": None}),
            ("odd nonce", {"nonce": "abc"}),
            ("no identity", {"kid": None}),
            ("both", {"jwk": signing.jwk(self.account.key)}),
            ("unknown account", {"kid": self.account.url[:-4] + "0000"}),
        ):
            self.post(what, "new-order", {}, **header)

    def orders(self) -> None:
        for what, one in (
            ("wildcard within", {"type": "dns", "value": "a.*.b"}),
            ("address as name", {"type": "dns", "value": "10.0.0.1"}),
            ("name as address", {"type": "ip", "value": "nope"}),
            ("mail", {"type": "email", "value": "x"}),
            ("dot at the end", {"type": "dns", "value": "a.test."}),
            ("space", {"type": "dns", "value": "a b"}),
        ):
            self.post(what, "new-order", {"identifiers": [one]})
        identifiers = [{"type": "dns", "value": "a.test"}, {"type": "dns", "value": "*.a.test"}]
        identifiers.append({"type": "ip", "value": "10.0.0.1"})
        made = self.post("order", "new-order", {"identifiers": identifiers})
        place = made.headers["location"]
        self.post("order again", place)
        for number, url in enumerate(made.json["authorizations"]):
            authorization = self.post(f"authorization {number}", url).json
            kinds = tuple(challenge["type"] for challenge in authorization["challenges"])
            wildcard, status = authorization["wildcard"], authorization["status"]
            self.told.append((f"about {number}", (kinds, wildcard, status, authorization["identifier"])))
        self.post("challenge", authorization["challenges"][0]["url"])
        self.post("finalize", made.json["finalize"], {"csr": signing.csr(LEAF, "a.test")})
        self.post("certificate", place + "/cert")
        self.post("orders", "orders")
        other = Dialogue(self.server, Account(OTHER), self.told)
        other.account.url = other.post("other account", "new-account", {}).headers["location"]
        other.post("order of another", place)
        other.post("authorization of another", made.json["authorizations"][0])

    def accounts(self) -> None:
        self.post("no account", "new-account", {"onlyReturnExisting": True})
        made = self.post("account", "new-account", {"contact": ["mailto:a@b.test"]})
        self.post("account again", "new-account", {})
        self.account.url = made.headers["location"]
        self.post("account told", self.account.url)
        self.post("contact", self.account.url, {"contact": ["mailto:c@b.test"]})

    def end(self) -> None:
        self.post("revoke nothing", "revoke-cert", {"certificate": "zz"})
        self.post("closed", self.account.url, {"status": "deactivated"})
        self.post("after that", "orders")

    def play(self) -> list[tuple[str, Any]]:
        api = self.server.api
        for path, body in (
            (f"sys/mounts/{PLACE}", {"type": "pki"}),
            (f"sys/mounts/{PLACE}/tune", {"allowed_response_headers": ["Replay-Nonce", "Link", "Location"]}),
            (f"{PLACE}/root/generate/internal", {"common_name": "r", "key_type": "ec"}),
            (f"{PLACE}/config/cluster", {"path": self.base}),
            (f"{PLACE}/config/acme", {"enabled": True, "eab_policy": "not-required"}),
        ):
            answer = api.post(path, body)
            assert answer.status < 300, answer
        for part in (self.accounts, self.refused, self.orders, self.end):
            part()
        api.delete(f"sys/mounts/{PLACE}")
        return self.told


_CONTACT = "an account is told with its contacts every time (RFC 8555, section 7.1.2)"
_EXPIRES = "when an authorization ends is told while it is pending as well"
KNOWN = {
    "account told": _CONTACT,
    "closed": _CONTACT,
    "authorization 0": _EXPIRES,
    "authorization 1": _EXPIRES,
    "authorization 2": _EXPIRES,
    "about 2": "addresses may be shown to be held by TLS too (RFC 8738)",
}
"""What differs, and why."""


@pytest.mark.timeout(120)
def test_a_client_is_answered_as_by_the_peer(peer: Server, server: Server) -> None:
    theirs, ours = Dialogue(peer).play(), Dialogue(server).play()
    assert [what for what, _ in theirs] == [what for what, _ in ours]
    differing = {what: (t, o) for (what, t), (_, o) in zip(theirs, ours, strict=True) if t != o}
    assert set(differing) == set(KNOWN), differing
