from __future__ import annotations

from tests.inprocess import InProcess, inprocess
from tests.namespaces import made, token_in

LOCK, UNLOCK = "sys/namespaces/api-lock/lock", "sys/namespaces/api-lock/unlock"
CLOSED = (
    'API access to this namespace has been locked by an administrator - "team/" '
    "must be unlocked to gain access."
)


def test_a_locked_namespace_lets_nobody_in_and_the_key_opens_it() -> None:
    async def scenario(api: InProcess) -> None:
        team, web, other = await made(api, "team", "team/web", "other")
        own = await token_in(team, 'path "*" { capabilities = ["read", "update"] }')
        key = (await api("POST", f"{LOCK}/team", {})).data["unlock_key"]
        assert (await api("GET", "sys/namespaces/team")).data["locked"] is True
        for call, token in ((team, ""), (web, ""), (team, own), (team, "nobody")):
            for _ in range(2):
                answer = await call("GET", "sys/mounts", token=token)
                assert (answer.status, answer.errors) == (503, [CLOSED])
        assert (await api("GET", "team/web/sys/mounts")).status == 503
        for call in (api, other):
            assert (await call("GET", "sys/mounts")).status == 200
        wrong = await team("POST", UNLOCK, {"unlock_key": "wrong"}, token=own)
        assert (wrong.status, wrong.errors) == (400, ["incorrect unlock key"])
        assert (await team("POST", UNLOCK, {}, token=own)).status == 400
        assert (await team("POST", UNLOCK, {"unlock_key": key}, token=None)).status == 403
        assert (await team("POST", UNLOCK, {"unlock_key": key}, token=own)).status == 204
        assert (await web("GET", "sys/mounts")).status == 200
        assert (await api("GET", "sys/namespaces/team")).data["locked"] is False
        again = await team("POST", UNLOCK, {"unlock_key": key}, token=own)
        assert again.errors == ['namespace "team/" is not locked']

    inprocess(scenario)


def test_sudo_opens_without_the_key_and_each_level_has_its_own_lock() -> None:
    async def scenario(api: InProcess) -> None:
        team, web = await made(api, "team", "team/web")
        assert (await api("POST", f"{LOCK}/team/web", {})).status == 200
        assert (await team("POST", LOCK, {})).status == 200
        twice = await api("POST", f"{LOCK}/team", {})
        assert twice.errors == ['cannot lock namespace "team/": is already locked']
        opened = await api("POST", f"{UNLOCK}/team", {})
        assert opened.json["warnings"] == ["Namespace unlocked using sudo capabilities"]
        assert (await team("GET", "sys/mounts")).status == 200
        assert '"team/web/"' in (await web("GET", "sys/mounts")).errors[0]
        assert (await web("POST", UNLOCK, {})).status == 200
        assert (await web("GET", "sys/mounts")).status == 200

    inprocess(scenario)


def test_what_cannot_be_locked() -> None:
    async def scenario(api: InProcess) -> None:
        for path in (LOCK, UNLOCK):
            assert (await api("POST", path, {})).errors == ["root namespace cannot be locked/unlocked"]
            assert (await api("POST", f"{path}/none", {})).errors == ["requested namespace does not exist"]
            assert (await api("GET", path)).status == 405

    inprocess(scenario)
