"""Every way to log in, against real servers that have it.

Where the peer's agent has the method too, both play the same configuration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.agent.agents import PROGRAMS, Agents, Running
from tests.canary import Canaries
from tests.certificates import certificate
from tests.server import PEER, STRONGROOM, Server, running, start_dev
from tests.slapd import PEOPLE, Slapd, slapd
from tests.upstream.simulator import Call, Simulator, serving

__all__ = ["slapd"]

CONFIG = """
exit_after_auth = true
vault { address = "%" ca_cert = "CA" retry { num_retries = 1 } }
auto_auth {
  method "METHOD" {
    exit_on_err = true
    mount_path  = "auth/MOUNT"
    config      = { KEYS }
  }
  sink "file" { config = { path = "@/sink" mode = 0600 } }
}
"""
POD = "system:serviceaccount:shop:cart"
BOTH = tuple(PROGRAMS)
SIGNER = ECKey.generate_key("P-256")


@dataclass
class Login:
    """One way to log in: what an operator sets up, the keys of ``config``, files, and what then is gone."""

    method: str
    keys: str
    files: Mapping[str, str]
    operate: Callable[[Server, str], None]
    gone: tuple[str, ...] = ()
    agents: tuple[str, ...] = ("ours",)
    secrets: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)
    """Files with which the login is refused."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, _canaries: Canaries) -> Iterator[dict[str, Server]]:
    """Both with TLS."""
    folder = tmp_path_factory.mktemp("logins")
    _canaries.folders.append(folder / "our")
    with (
        running(start_dev(STRONGROOM, folder / "our", tls=True)) as ours,
        running(start_dev(PEER, folder / "their", tls=True)) as theirs,
    ):
        for server in (ours, theirs):
            policy = 'path "secret/data/*" { capabilities = ["read"] }'
            server.api.put("sys/policies/acl/reader", {"policy": policy})
        yield {"our": ours, "their": theirs}


def play(agents: Agents, server: Server, which: str, login: Login, canary: Canaries) -> None:
    """Each agent that has the method logs in, and is refused with wrong credentials."""
    mount = f"{login.method}-{which}"
    assert server.api.post(f"sys/auth/{mount}", {"type": login.method}).status == 204
    login.operate(server, f"auth/{mount}")
    for secret in login.secrets:
        canary.watch(secret)
    for whose in login.agents:
        agent = prepared(agents, whose, server, mount, login)
        assert agent.start().wait() == 0, agent.log
        token = canary.watch(agent.text("sink"))
        who = server.api.get("auth/token/lookup-self", token=token)
        assert who.status == 200, who
        assert who.data["path"].startswith(f"auth/{mount}/login")
        assert set(who.data["policies"]) == {"default", "reader"}
        assert [name for name in login.files if not agent.path(name).exists()] == list(login.gone)
        if not login.wrong:
            continue
        refused = replace(login, files={**login.files, **login.wrong})
        agent = prepared(agents, whose, server, mount, refused)
        assert agent.start().wait() == 1, agent.log
        assert not agent.path("sink").exists()


def prepared(agents: Agents, whose: str, server: Server, mount: str, login: Login) -> Running:
    config = CONFIG.replace("METHOD", login.method).replace("MOUNT", mount).replace("KEYS", login.keys)
    texts = {"agent.hcl": config.replace("CA", str(server.ca)), **login.files}
    return agents.prepare(f"{whose}-{uuid4().hex}", PROGRAMS[whose], server, texts)


def ok(answer: Any) -> None:
    assert answer.status in {200, 204}, answer


@pytest.mark.parametrize("which", ("our", "their"))
def test_cert(
    agents: Agents, servers: dict[str, Server], which: str, canary: Canaries, tmp_path: Path
) -> None:
    authority = certificate("clients", ca=True)
    shown, key = certificate("cart", authority).save(tmp_path, "cart")
    other, other_key = certificate("cart", certificate("others", ca=True)).save(tmp_path, "other")

    def operate(server: Server, mount: str) -> None:
        ok(server.api.post(f"{mount}/certs/cart", {"certificate": authority.pem, "token_policies": "reader"}))

    files = {"cart.crt": Path(shown).read_text(), "cart.key": Path(key).read_text()}
    keys = (
        f'name = "cart" client_cert = "@/cart.crt" client_key = "@/cart.key" ca_cert = "{servers[which].ca}"'
    )
    wrong = {"cart.crt": Path(other).read_text(), "cart.key": Path(other_key).read_text()}
    login = Login("cert", keys, files, operate, agents=BOTH, wrong=wrong)
    play(agents, servers[which], which, login, canary)


@pytest.mark.parametrize("which", ("our", "their"))
def test_userpass(agents: Agents, servers: dict[str, Server], which: str, canary: Canaries) -> None:
    password = canary()

    def operate(server: Server, mount: str) -> None:
        ok(server.api.post(f"{mount}/users/ann", {"password": password, "token_policies": "reader"}))

    keys = 'username = "ann" password_file_path = "@/password"'
    login = Login(
        "userpass", keys, {"password": password + "\n"}, operate, gone=("password",), wrong={"password": "no"}
    )
    play(agents, servers[which], which, login, canary)


def test_app_id(agents: Agents, servers: dict[str, Server], canary: Canaries) -> None:
    app, user = canary(), canary()

    def operate(server: Server, mount: str) -> None:
        ok(server.api.post(f"{mount}/map/app-id/{app}", {"value": "reader", "display_name": "cart"}))
        ok(server.api.post(f"{mount}/map/user-id/{user}", {"value": app, "cidr_block": "127.0.0.0/8"}))

    keys = 'app_id_file_path = "@/app" user_id_file_path = "@/user"'
    login = Login("app-id", keys, {"app": app, "user": user}, operate, wrong={"user": "no"})
    play(agents, servers["our"], "our", login, canary)


def signed(claims: dict[str, Any]) -> str:
    now = int(time.time())
    return jwt.encode({"alg": "ES256"}, {"iat": now, "nbf": now, "exp": now + 600} | claims, SIGNER)


def test_jwt(agents: Agents, servers: dict[str, Server], canary: Canaries) -> None:
    good = signed({"sub": "cart", "aud": "strongroom", "iss": "shop"})
    other = signed({"sub": "thief", "aud": "strongroom", "iss": "shop"})

    def operate(server: Server, mount: str) -> None:
        public = SIGNER.as_pem(private=False).decode()
        ok(server.api.post(f"{mount}/config", {"jwt_validation_pubkeys": [public], "bound_issuer": "shop"}))
        role = {"role_type": "jwt", "bound_audiences": ["strongroom"], "user_claim": "sub"}
        role |= {"bound_subject": "cart", "token_policies": "reader"}
        ok(server.api.post(f"{mount}/role/web", role))

    keys = 'path = "@/jwt" role = "web"'
    login = Login(
        "jwt",
        keys,
        {"jwt": good},
        operate,
        ("jwt",),
        ("ours", "theirs"),
        secrets=(good,),
        wrong={"jwt": other},
    )
    play(agents, servers["their"], "their", login, canary)


class Reviewer(Simulator):
    """A cluster's API server as far as it reviews tokens: those of one pod are good."""

    def __init__(self, good: str) -> None:
        super().__init__()
        self.good = good

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.raw != "/apis/authentication.k8s.io/v1/tokenreviews" or call.method != "POST":
            return 404, {}
        if call.headers.get("authorization") != "Bearer reviewer":
            return 401, {"kind": "Status", "status": "Failure", "code": 401}
        if call.json["spec"]["token"] != self.good:
            return 201, call.json | {"status": {"authenticated": False, "error": "invalid bearer token"}}
        user = {"username": POD, "uid": "4711", "groups": ["system:serviceaccounts"]}
        return 201, call.json | {"status": {"authenticated": True, "user": user}}


def test_kubernetes(agents: Agents, servers: dict[str, Server], canary: Canaries) -> None:
    account = {"serviceaccount": {"name": "cart", "uid": "4711"}, "namespace": "shop"}
    claims = {"sub": POD, "iss": "kubernetes/serviceaccount", "kubernetes.io": account}
    good, other = signed(claims), signed(claims | {"jti": "another"})
    with serving(Reviewer(good)) as cluster:

        def operate(server: Server, mount: str) -> None:
            settings = {"kubernetes_host": cluster.url, "token_reviewer_jwt": "reviewer"}
            settings |= {"kubernetes_ca_cert": certificate("cluster", ca=True).pem}
            ok(server.api.post(f"{mount}/config", settings | {"disable_local_ca_jwt": True}))
            bound = {"bound_service_account_names": "cart", "bound_service_account_namespaces": "shop"}
            ok(server.api.post(f"{mount}/role/web", bound | {"token_policies": "reader"}))

        keys = 'role = "web" token_path = "@/account"'
        login = Login(
            "kubernetes",
            keys,
            {"account": good},
            operate,
            (),
            ("ours", "theirs"),
            (good,),
            {"account": other},
        )
        play(agents, servers["their"], "their", login, canary)

        init = agents.prepare("init", STRONGROOM, servers["their"], {"account": good})
        init.environment |= {
            "VAULT_ROLE": "web", "VAULT_ADDR": servers["their"].address,
            "VAULT_CAPEM": servers["their"].ca.read_text() if servers["their"].ca else "",
            "VAULT_K8S_MOUNT_PATH": "kubernetes-their", "SERVICE_ACCOUNT_PATH": str(init.path("account")),
            "TOKEN_DEST_PATH": str(init.path("token")), "ACCESSOR_DEST_PATH": str(init.path("accessor")),
        }  # fmt: skip
        init.bare = True
        assert init.start().wait() == 0, init.log
    who = servers["their"].api.get("auth/token/lookup-self", token=init.text("token"))
    assert who.data["accessor"] == init.text("accessor")
    assert who.data["meta"]["service_account_name"] == "cart"


class LdapLogin(Simulator):
    """A server's ``auth/ldap``, as far as logins: neither server has it. A real directory decides."""

    def __init__(self, directory: Slapd) -> None:
        super().__init__()
        self.directory = directory

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.method not in {"PUT", "POST"} or call.parts[:4] != ["v1", "auth", "ldap-at", "login"]:
            return 404, {"errors": []}
        if not self.directory.accepts(f"cn={call.parts[4]},{PEOPLE}", call.json["password"]):
            return 400, {"errors": ["ldap operation failed"]}
        return 200, {"auth": {"client_token": "token of ann", "accessor": "a", "lease_duration": 60}}


def test_ldap(agents: Agents, slapd: Slapd) -> None:
    keys = 'username = "ann" password_file_path = "@/password"'
    config = CONFIG.replace("METHOD", "ldap").replace("MOUNT", "ldap-at").replace("KEYS", keys)
    with serving(LdapLogin(slapd)) as server:
        texts = {"agent.hcl": config.replace(' ca_cert = "CA"', "")}
        good = agents.ours("good", server.url, texts | {"password": "first-of-ann\n"})
        assert good.wait() == 0, good.log
        assert good.text("sink") == "token of ann"
        assert not good.path("password").exists()
        bad = agents.ours("bad", server.url, texts | {"password": "first-of-bob"})
        assert bad.wait() == 1
        assert "ldap operation failed" in bad.log
