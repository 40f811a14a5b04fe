"""Real processes: one server, its readers, and what happens when any of them goes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from strongroom.seal import seal
from strongroom.storage.lmdb import LMDB
from strongroom.storage.store import Store
from tests.api import Api
from tests.cluster.processes import alive, connections, kill, readers
from tests.conftest import SealedServer
from tests.server import STRONGROOM, Server, listening, running, start_configured, wait_until

READ_ALL = 'path "secret/*" { capabilities = ["read"] }'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A writer and two readers, for the tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    with running(start_configured(STRONGROOM, folder, storage="lmdb", readers=2)) as server:
        yield prepared(server)


@pytest.fixture
def own(sealed_server: SealedServer) -> Server:
    """A writer and two readers for one test alone."""
    return prepared(sealed_server("own", readers=2))


def prepared(server: Server) -> Server:
    """Unsealed, with kv version 1 at ``kv/``, and version 2 at ``secret/``."""
    server.initialize()
    server.unseal()
    assert server.api.post("sys/mounts/kv", {"type": "kv"}).status == 204
    assert server.api.post("sys/mounts/secret", {"type": "kv", "options": {"version": "2"}}).status == 204
    return server


@contextmanager
def everyone(server: Server, count: int = 3) -> Iterator[dict[int, Api]]:
    """One connection to each process."""
    found = connections(server, count)
    yield found
    for api in found.values():
        api.close()


class Load(threading.Thread):
    """Repeats a step until stopped; keeps what went wrong."""

    def __init__(self, step: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.step = step
        self.rounds = 0
        self.failure: BaseException | None = None
        self._stop_asked = threading.Event()

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self.step()
                self.rounds += 1
        except BaseException as failure:  # noqa: BLE001  handed to the test
            self.failure = failure

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_asked.set()
        self.join(30)

    def check(self) -> None:
        if self.failure is not None:
            raise AssertionError("under load") from self.failure
        assert self.rounds


def test_no_process_shows_what_was_replaced(shared: Server) -> None:
    """After the reply to whoever changed it, a change is seen through every process."""
    chance = random.Random(11)
    with everyone(shared) as apis:
        every = [*apis.values()]
        rounds = Rounds(every, chance)
        until = time.monotonic() + 8
        while rounds.number < 1_200 and time.monotonic() < until:
            rounds.one()
        assert rounds.number > 100


class Rounds:
    """A change through one process, a look through all."""

    def __init__(self, every: list[Api], chance: random.Random) -> None:
        self.every, self.chance = every, chance
        self.number = 0
        self.allowed = False
        self.mounted = False

    def one(self) -> None:
        self.number += 1
        self.chance.shuffle(self.every)
        self.chance.choice((self.write, self.revoke, self.policy, self.mount))()

    def statuses(self, method: str, path: str, **options: Any) -> set[int]:
        return {api.request(method, path, **options).status for api in self.every}

    def write(self) -> None:
        assert self.every[0].put("kv/a", {"n": self.number}).status == 204
        assert [api.get("kv/a").data["n"] for api in self.every] == [self.number] * len(self.every)

    def revoke(self) -> None:
        made = self.every[0].post("auth/token/create", {"policies": ["default"]})
        token = made.auth["client_token"]
        assert self.statuses("GET", "auth/token/lookup-self", token=token) == {200}
        assert self.every[-1].post("auth/token/revoke", {"token": token}).status == 204
        assert self.statuses("GET", "auth/token/lookup-self", token=token) == {403}

    def policy(self) -> None:
        self.allowed = not self.allowed
        rules = READ_ALL if self.allowed else 'path "x" { capabilities = ["read"] }'
        assert self.every[0].put("sys/policies/acl/p", {"policy": rules}).status == 204
        if not hasattr(self, "token"):
            made = self.every[0].post("auth/token/create", {"policies": ["p"]})
            self.token = made.auth["client_token"]
        expected = 200 if self.allowed else 403
        assert self.statuses("GET", "secret/config", token=self.token) == {expected}

    def mount(self) -> None:
        if self.mounted:
            assert self.every[0].delete("sys/mounts/m").status == 204
            assert self.statuses("GET", "sys/mounts/m") == {400}
        else:
            assert self.every[0].post("sys/mounts/m", {"type": "kv"}).status == 204
            assert self.every[1].put("m/a", {"n": 1}).status == 204
            assert self.statuses("GET", "m/a") == {200}
        self.mounted = not self.mounted


def test_sealed_and_unsealed_is_what_every_process_says(shared: Server) -> None:
    with everyone(shared) as apis:
        every = [*apis.values()]
        every[0].put("kv/a", {"n": 1})
        for number in range(10):
            assert {api.get("kv/a").status for api in every} == {200}
            assert every[number % 3].put("sys/seal").status == 204
            assert {api.get("kv/a").status for api in every} == {503}
            assert {api.get("sys/health").status for api in every} == {503}
            for key in shared.keys:
                every[(number + 1) % 3].put("sys/unseal", {"key": key})
            assert {api.get("sys/health").status for api in every} == {200}
    assert "ended with code" not in shared.log


def test_a_reader_that_is_killed_is_replaced_and_costs_nobody_else_anything(own: Server) -> None:
    with everyone(own) as apis:
        victim = next(pid for pid in apis if pid != own.process.pid)
        spared = [api for pid, api in apis.items() if pid != victim]
        acknowledged: list[int] = []

        def step() -> None:
            number = len(acknowledged) + 1
            for api in spared:
                assert api.put("kv/n", {"n": number}).status == 204
                assert api.get("kv/n").data["n"] == number
            acknowledged.append(number)

        def through_the_victim() -> None:
            apis[victim]._connection.close()
            if apis[victim].put("kv/v", {"n": 1}).status != 204:
                raise AssertionError

        with Load(step) as load, Load(through_the_victim):
            time.sleep(0.5)
            kill(victim)
            died = time.monotonic()
            wait_until(lambda: victim not in readers(own) and len(readers(own)) == 2, own, 2)
            assert time.monotonic() - died < 2
            time.sleep(0.5)
        load.check()
        assert all(api.get("kv/n").data["n"] >= acknowledged[-1] for api in spared)
    with everyone(own) as apis:
        assert victim not in apis
        assert {api.get("kv/n").status for api in apis.values()} == {200}


def test_readers_do_not_outlive_a_writer_that_is_killed(own: Server) -> None:
    with everyone(own):
        children = readers(own)
    assert len(children) == 2
    own.kill()
    deadline = time.monotonic() + 1
    while any(alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(alive(pid) for pid in children)
    assert not listening(own.port)
    own.restart()
    own.unseal()
    with everyone(own) as apis:
        assert {api.get("secret/config").status for api in apis.values()} == {200}


def test_sigterm_ends_all_processes_cleanly(own: Server) -> None:
    with everyone(own) as apis:
        children = readers(own)
        assert {api.put("kv/a", {"n": 1}).status for api in apis.values()} == {204}
        assert own.stop() == 0
    assert not any(alive(pid) for pid in children)
    assert "Traceback" not in own.log
    assert "Warning" not in own.log


def test_no_key_is_in_arguments_environment_or_any_file(shared: Server) -> None:
    with everyone(shared) as apis:
        pids = [*apis]
        root = asyncio.run(_root_key(shared))
        unseal = bytes.fromhex(shared.keys[0])
        places = [Path(f"/proc/{pid}/{name}") for pid in pids for name in ("cmdline", "environ")]
        places += [path for path in shared.folder.rglob("*") if path.is_file()]
        for place in places:
            content = place.read_bytes()
            for key in (root, unseal):
                for form in (key, key.hex().encode(), base64.b64encode(key)):
                    assert form not in content, place
        for pid in readers(shared):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            assert [word for word in words[1:] if word.isdigit()] == words[4:-1]


async def _root_key(server: Server) -> bytes:
    store = Store(LMDB(server.folder / "storage", readonly=True))
    tx = store.begin(write=False)
    try:
        return await seal.root_key(tx, seal.shamir_sealer(bytes.fromhex(server.keys[0])))
    finally:
        tx.close()
        await store.close()


def test_readers_read_on_while_keys_change(shared: Server) -> None:
    with everyone(shared) as apis:
        writer = apis[shared.process.pid]
        writer.put("kv/a", {"n": 0})
        first, second = (api for api in apis.values() if api is not writer)

        def read(api: Api) -> Callable[[], None]:
            def step() -> None:
                answer = api.get("kv/a")
                assert answer.status == 200, answer

            return step

        with Load(read(first)) as one, Load(read(second)) as two:
            for number in range(40):
                assert writer.put("sys/rotate").status == 204
                if number % 2:
                    assert writer.post("sys/rotate/root").status == 204
                assert writer.put("kv/a", {"n": number}).status == 204
        one.check()
        two.check()
        assert [api.get("kv/a").data["n"] for api in (first, second)] == [39, 39]


def test_audit_has_every_request_once(shared: Server) -> None:
    with everyone(shared) as apis:
        seen = []
        for number in range(100):
            for api in apis.values():
                seen.append(api.post("secret/data/a", {"data": {"n": number}}).json["request_id"])
                seen.append(api.get("secret/data/a").json["request_id"])
        lines = shared.audit_lines()
    wanted = set(seen)
    assert len(wanted) == len(seen) == 600
    for kind in ("request", "response"):
        ids = [line["request"]["id"] for line in lines if line["type"] == kind]
        assert sorted(each for each in ids if each in wanted) == sorted(seen)
    remote = {line["request"]["remote_address"] for line in lines if line["request"].get("remote_address")}
    assert remote == {"127.0.0.1"}


def test_devices_and_log_rotation_reach_every_process(own: Server) -> None:
    second = own.folder / "second.log"
    with everyone(own) as apis:
        device = {"type": "file", "options": {"file_path": str(second)}}
        assert own.api.put("sys/audit/second", device).status in (204, 400)
        if not second.exists():
            pytest.skip("audit devices cannot be made by API here")
        ids = [api.get("secret/config").json["request_id"] for api in apis.values()]
        assert all(each in second.read_text() for each in ids)
        first = own.folder / "audit.log"
        first.rename(own.folder / "audit.log.1")
        own.process.send_signal(signal.SIGHUP)
        time.sleep(1.2)
        ids = [api.get("secret/config").json["request_id"] for api in apis.values()]
        assert all(each in first.read_text() for each in ids)


def test_large_bodies_pass_through_readers(shared: Server) -> None:
    value = "x" * 8_000_000
    with everyone(shared) as apis:
        for pid, api in apis.items():
            assert api.put(f"kv/large-{pid}", {"value": value}).status == 204
        for api in apis.values():
            for pid in apis:
                assert api.get(f"kv/large-{pid}").data["value"] == value


def test_a_client_that_does_not_read_holds_up_nobody(shared: Server) -> None:
    with everyone(shared) as apis:
        api = next(iter(apis.values()))
        assert api.put("kv/large", {"value": "x" * 4_000_000}).status == 204
        stuck = []
        for target in ("kv/large", "kv/large?help=1", "sys/seal-status"):
            sock = socket.create_connection(("127.0.0.1", shared.port))
            head = f"GET /v1/{target} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {shared.root_token}\r\n\r\n"
            sock.sendall(head.encode() * 3)
            stuck.append(sock)
        for _ in range(30):
            for each in apis.values():
                assert each.put("kv/small", {"n": 1}).status == 204
                assert each.get("kv/small").status == 200
        for sock in stuck:
            sock.close()


def test_other_storage_has_no_readers_and_says_so(sealed_server: SealedServer) -> None:
    server = sealed_server("file", storage="file", readers=2)
    server.initialize()
    server.unseal()
    assert readers(server) == []
    assert "only lmdb storage can be shared" in server.log


def measured(server: Server) -> dict[str, float]:
    text = server.api.get("sys/metrics?format=prometheus").body.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_metrics_count_what_every_process_answered_also_one_that_died(sealed_server: SealedServer) -> None:
    own = prepared(sealed_server("own", readers=2, extra="telemetry { disable_hostname = true }"))
    name = "vault_route_read_kv__count"
    with everyone(own) as apis:
        own.api.put("kv/a", {"n": 1})
        before = measured(own).get(name, 0)
        for api in apis.values():
            for _ in range(10):
                assert api.get("kv/a").status == 200
        after = measured(own)
        assert after[name] - before == 30
        ours = [each for each in after if each.startswith("vault_") and "runtime_open_fds" in each]
        labels = sorted(each.partition("process=")[2] for each in ours)
        assert labels == ["", '"reader-1"}', '"reader-2"}']
        victim = next(pid for pid in apis if pid != own.process.pid)
        kill(victim)
        wait_until(lambda: victim not in readers(own) and len(readers(own)) == 2, own)
        assert measured(own)[name] - before == 30


def test_lines_of_every_process_are_in_the_one_log(sealed_server: SealedServer, tmp_path: Path) -> None:
    place = tmp_path / "strongroom.log"
    own = prepared(sealed_server("own", readers=2, extra=f'log_file = "{place}"\nlog_format = "json"'))
    with everyone(own) as apis:
        assert place.read_text().count("sealed") >= 1
        children = readers(own)

        def sealed_by() -> list[int]:
            lines = [json.loads(line) for line in place.read_text().splitlines()]
            return sorted(
                line["process"] for line in lines if line["@message"] == "sealed" and "process" in line
            )

        def seal_and_open() -> None:
            assert own.api.put("sys/seal").status == 204
            own.unseal()

        seal_and_open()
        wait_until(lambda: sealed_by() == sorted(children), own)
        assert own.api.post("sys/loggers", {"level": "error"}).status == 204
        seal_and_open()
        assert own.api.delete("sys/loggers").status == 204
        seal_and_open()
        wait_until(lambda: sealed_by() == sorted(children * 2), own)
        assert {api.get("secret/config").status for api in apis.values()} == {200}


def test_log_rotation_by_signal_keeps_lines_of_all_processes(
    sealed_server: SealedServer, tmp_path: Path
) -> None:
    place = tmp_path / "strongroom.log"
    own = prepared(sealed_server("own", readers=1, extra=f'log_file = "{place}"\nlog_level = "error"'))
    with everyone(own, 2):
        (child,) = readers(own)
        config = own.folder / "server.hcl"
        config.write_text(config.read_text().replace('"error"', '"info"'))
        place.rename(tmp_path / "strongroom.log.1")
        own.process.send_signal(signal.SIGHUP)
        wait_until(lambda: place.exists() and "reloaded" in place.read_text(), own)
        assert own.api.put("sys/seal").status == 204
        wait_until(lambda: f"core: sealed: process={child}" in place.read_text(), own)


def test_the_monitor_streams_lines_of_every_process(own: Server) -> None:
    with everyone(own):
        children = set(readers(own))
        request = urllib.request.Request(
            f"{own.address}/v1/sys/monitor?log_format=json", headers={"X-Vault-Token": own.root_token or ""}
        )
        with urllib.request.urlopen(request, timeout=20) as stream:
            assert own.api.put("sys/seal").status == 204
            seen: set[int] = set()
            while seen != children:
                line = json.loads(stream.readline())
                if line["@message"] == "sealed" and "process" in line:
                    seen.add(line["process"])


def test_a_reader_that_is_told_to_reload_while_it_starts_has_the_new_settings(own: Server) -> None:
    first = set(readers(own))
    kill(min(first))
    wait_until(lambda: len(set(readers(own)) - first) == 1, own, 5)  # its settings are the old ones
    file = own.folder / "server.hcl"
    headers = 'custom_response_headers { "default" = { "X-Reloaded" = ["yes"] } }'
    file.write_text(file.read_text().replace("tls_disable = true", f"tls_disable = true\n  {headers}"))
    os.kill(own.process.pid, signal.SIGHUP)
    with everyone(own) as apis:
        for pid, api in apis.items():
            wait_until(lambda api=api: api.get("kv/none").headers.get("x-reloaded") == "yes", own, 5)
            assert api.get("kv/none").headers.get("x-reloaded") == "yes", pid
