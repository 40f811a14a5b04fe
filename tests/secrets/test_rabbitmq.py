"""Users of a real RabbitMQ: made as the role says, gone with the lease, and never left behind."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from strongroom.errors import Conflict
from strongroom.secrets.rabbitmq import Creds, User
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.rabbitmq import RabbitServer
from tests.secrets.outsider import reap_lease, reap_until
from tests.upstream.simulator import Call, Simulator, serving

EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


async def configured(api: InProcess, server: RabbitServer, **fields: Any) -> str:
    """A mount that reaches the server, with the role ``r``; gives a word for the names of its users."""
    word = f"u{uuid.uuid4().hex[:12]}"
    assert (await api("POST", "sys/mounts/rabbit", {"type": "rabbitmq"})).status == 204
    template = f"{word}-{{{{.RoleName}}}}-{{{{.DisplayName}}}}-{{{{random 8}}}}"
    body = {
        "connection_uri": server.url,
        "username": server.username,
        "password": server.password,
        "username_template": template,
    }
    answer = await api("POST", "rabbit/config/connection", body | fields)
    assert answer.status == 204, answer
    role = {"tags": "management,monitoring", "vhosts": json.dumps({"/": EVERYTHING})}
    assert (await api("POST", "rabbit/roles/r", role)).status == 204
    return word


async def issue(api: InProcess, role: str = "r") -> Answer:
    answer = await api("GET", f"rabbit/creds/{role}")
    assert answer.status == 200, answer
    return answer


def of(server: RabbitServer, word: str) -> set[str]:
    """Users whose names begin with the word."""
    return {name for name in server.users() if name.startswith(word)}


def test_a_user_can_what_its_role_says(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        word = await configured(api, rabbitmq)
        vhosts = {"/": {"configure": "^c", "write": "^w", "read": "^r"}}
        topics = {"/": {"amq.topic": {"write": "^tw", "read": "^tr"}}}
        role = {"tags": "monitoring", "vhosts": json.dumps(vhosts), "vhost_topics": json.dumps(topics)}
        assert (await api("POST", "rabbit/roles/full", role)).status == 204
        assert (await api("GET", "rabbit/roles/full")).data == {
            "tags": "monitoring",
            "vhosts": vhosts,
            "vhost_topics": topics,
        }
        answer = await issue(api, "full")
        username, password = answer.data["username"], answer.data["password"]
        assert username.startswith(f"{word}-full-token-")
        assert len(password) == 36
        assert answer.json["lease_id"].startswith("rabbit/creds/full/")
        assert answer.json["renewable"] is True
        assert rabbitmq.call("GET", "whoami", auth=(username, password))["tags"] == ["monitoring"]
        assert rabbitmq.call("GET", f"users/{username}/permissions") == [
            {"user": username, "vhost": "/", **vhosts["/"]}
        ]
        assert rabbitmq.call("GET", f"users/{username}/topic-permissions") == [
            {"user": username, "vhost": "/", "exchange": "amq.topic", **topics["/"]["amq.topic"]}
        ]

    inprocess(scenario)


def test_a_revoked_lease_deletes_the_user(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        word = await configured(api, rabbitmq)
        first, second = await issue(api), await issue(api)
        assert len(of(rabbitmq, word)) == 2
        lease = first.json["lease_id"]
        assert (await api("POST", "sys/leases/revoke", {"lease_id": lease, "sync": True})).status == 204
        assert of(rabbitmq, word) == {second.data["username"]}

    inprocess(scenario)


def test_a_user_ends_with_its_time(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        word = await configured(api, rabbitmq)
        assert (await api("POST", "rabbit/config/lease", {"ttl": "1h", "max_ttl": "2h"})).status == 204
        assert (await api("GET", "rabbit/config/lease")).data == {"ttl": 3600, "max_ttl": 7200}
        answer = await issue(api)
        assert answer.json["lease_duration"] == 3600
        lease = {"lease_id": answer.json["lease_id"], "increment": 9000}
        with later(api.core, 1800):
            renewed = await api("POST", "sys/leases/renew", lease)
            assert 5390 <= renewed.json["lease_duration"] <= 5400
        with later(api.core, 3700):
            await reap(api.core)
            assert of(rabbitmq, word) == {answer.data["username"]}
        with later(api.core, 7300):
            await reap_until(api, lambda: of(rabbitmq, word) == set())

    inprocess(scenario)


def test_a_user_that_is_gone_already_is_taken_back(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, rabbitmq)
        answer = await issue(api)
        rabbitmq.call("DELETE", f"users/{answer.data['username']}")
        lease = {"lease_id": answer.json["lease_id"], "sync": True}
        assert (await api("POST", "sys/leases/revoke", lease)).status == 204

    inprocess(scenario)


def test_names_of_any_kind(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        word = await configured(api, rabbitmq)
        template = {"username_template": f"{word} ü/../{{{{random 4}}}}?x#%25"}
        base = {"connection_uri": rabbitmq.url + "/", "username": "guest", "password": "guest"}
        assert (await api("POST", "rabbit/config/connection", base | template)).status == 204
        answer = await issue(api)
        assert of(rabbitmq, word) == {answer.data["username"]}
        lease = {"lease_id": answer.json["lease_id"], "sync": True}
        assert (await api("POST", "sys/leases/revoke", lease)).status == 204
        assert of(rabbitmq, word) == set()

    inprocess(scenario)


def test_a_password_follows_its_policy(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, rabbitmq, password_policy="digits")
        answer = await api("GET", "rabbit/creds/r")
        assert (answer.status, answer.errors) == (400, ["no password policy found"])
        policy = 'length = 12\nrule "charset" { charset = "0123456789" }'
        assert (await api("PUT", "sys/policies/password/digits", {"policy": policy})).status == 204
        answer = await issue(api)
        password = answer.data["password"]
        assert len(password) == 12
        assert password.isdigit()
        assert rabbitmq.call("GET", "whoami", auth=(answer.data["username"], password))

    inprocess(scenario)


@pytest.mark.parametrize(
    ("role", "sentence"),
    (
        ({"vhosts": '{"no-such-vhost": {"read": ".*"}}'}, "RabbitMQ refused the permissions"),
        ({"vhosts": '{"/": {"read": "["}}'}, "RabbitMQ refused the permissions"),
        ({"tags": "x", "vhost_topics": '{"no-such-vhost": {"a": {}}}'}, "RabbitMQ refused the permissions"),
    ),
)
def test_a_role_that_rabbitmq_refuses_leaves_no_user(
    rabbitmq: RabbitServer, role: dict[str, Any], sentence: str
) -> None:
    async def scenario(api: InProcess) -> None:
        word = await configured(api, rabbitmq)
        assert (await api("POST", "rabbit/roles/bad", role)).status == 204
        answer = await api("GET", "rabbit/creds/bad")
        assert answer.status == 400
        assert answer.errors[0].startswith(sentence)
        assert of(rabbitmq, word) == set()
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_who_is_there_already_is_neither_changed_nor_deleted(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, rabbitmq, username_template="guest")
        answer = await api("GET", "rabbit/creds/r")
        assert answer.status == 400
        assert "there already" in answer.errors[0]
        assert rabbitmq.call("GET", "whoami")["name"] == "guest"

    inprocess(scenario)


def test_what_loses_a_race_leaves_no_user(rabbitmq: RabbitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    real, runs = Creds.read, []

    async def racing(self: Creds, engine: Any, request: Any) -> Any:
        response = await real(self, engine, request)
        runs.append((response.data or {})["username"])
        if len(runs) == 1:
            raise Conflict(cause="somebody was faster")
        return response

    async def scenario(api: InProcess) -> None:
        word = await configured(api, rabbitmq)
        monkeypatch.setattr(Creds, "read", racing)
        answer = await issue(api)
        assert len(runs) == 2
        assert of(rabbitmq, word) == {answer.data["username"]} == {runs[1]}

    inprocess(scenario)


def test_a_crash_before_the_commit_leaves_no_user(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        word = await configured(api, rabbitmq)
        await api.core.mounts.load()
        mount = api.core.mounts.find("rabbit/")
        assert mount is not None
        outer = api.core.internal_request()
        request = api.core.inner_request(outer, mount, "rabbit/creds/r")
        path = Creds.bind({"name": "r"}, {})
        await path.read(mount.backend, request)  # type: ignore[arg-type]  # the mount's engine
        outer.tx.close()  # the process dies before the commit
        assert len(of(rabbitmq, word)) == 1
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        await reap(api.core)
        assert of(rabbitmq, word) == set()
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


class Recorder(Simulator):
    """Says yes to everything, as an administrator is told."""

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.parts[1] == "whoami":
            return 200, {"name": "guest", "tags": "administrator"}  # as before RabbitMQ 3.9
        return (404, None) if call.method == "GET" else (204, None)


def test_while_rabbitmq_is_down_a_lease_waits() -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, RabbitServer(recorder.server_port, 0))
        answer = await issue(api)
        recorder.down = True
        refused = await api("GET", "rabbit/creds/r")
        assert refused.status == 502
        lost = "RabbitMQ cannot be reached: the connection was lost"
        assert refused.errors == [lost]
        lease = {"lease_id": answer.json["lease_id"], "sync": True}
        assert (await api("POST", "sys/leases/revoke", lease)).errors[0].endswith(lost)
        assert (await api("POST", "sys/leases/lookup", lease)).status == 200
        end = answer.json["lease_duration"] + 1
        with later(api.core, end):
            await reap(api.core)
            assert (await api("POST", "sys/leases/lookup", lease)).status == 200
        recorder.down = False
        recorder.calls.clear()
        with later(api.core, end + 1000):
            await reap_lease(api, answer)
        assert answer.data["username"] in {c.parts[-1] for c in recorder.calls if c.method == "DELETE"}

    with serving(Recorder()) as recorder:
        inprocess(scenario)


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    (
        ({"connection_uri": ""}, 400, "missing connection_uri"),
        ({"username": ""}, 400, "missing username"),
        ({"password": ""}, 400, "missing password"),
        ({"password": "wrong-hunter2"}, 400, "failed to validate the connection: RabbitMQ refused"),
        ({"connection_uri": "127.0.0.1"}, 400, "the address of RabbitMQ must be"),
        ({"connection_uri": "http://127.0.0.1:1"}, 502, "RabbitMQ cannot be reached: no connection"),
        (
            {"username_template": "{{"},
            400,
            "unable to initialize username template",
        ),
    ),
)
def test_connections_that_are_refused(
    rabbitmq: RabbitServer, fields: dict[str, str], status: int, sentence: str
) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, rabbitmq)
        body = {"connection_uri": rabbitmq.url, "username": "guest", "password": "guest"}
        answer = await api("POST", "rabbit/config/connection", body | fields)
        assert answer.status == status
        assert answer.errors[0].startswith(sentence)
        assert "hunter2" not in answer.body.decode()
        assert (await api("GET", "rabbit/creds/r")).status == 200  # the old one holds

    inprocess(scenario)


def test_only_an_administrator_can_do_it(rabbitmq: RabbitServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, rabbitmq)
        user = (await issue(api)).data
        body = {"connection_uri": rabbitmq.url, **user}
        answer = await api("POST", "rabbit/config/connection", body)
        assert answer.status == 400
        assert "lacks the tag administrator" in answer.errors[0]
        answer = await api("POST", "rabbit/config/connection", body | {"verify_connection": False})
        assert answer.status == 204

    inprocess(scenario)


def test_without_a_connection_or_a_role_there_are_no_credentials() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/mounts/rabbit", {"type": "rabbitmq"})).status == 204
        assert (await api("GET", "rabbit/creds/none")).errors == ["unknown role: none"]
        assert (await api("POST", "rabbit/roles/r", {"tags": "a"})).status == 204
        answer = await api("GET", "rabbit/creds/r")
        assert answer.status == 400
        assert answer.errors[0].startswith("no connection is configured")

    inprocess(scenario)


def test_a_lease_names_its_target() -> None:
    assert User("x").target == "rabbitmq"
