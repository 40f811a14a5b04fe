"""KV version 2 against a model that is too simple to be wrong: whatever is done, both show the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strongroom.storage.inmem import InMem
from tests.secrets.clocked import Clocked, start

PATHS = st.sampled_from(("a", "a/c"))
DATA = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3) | st.just("s"), max_size=2)
PATCHES = st.dictionaries(st.sampled_from("xyz"), st.none() | st.integers(0, 3), max_size=2)
CAS = st.sampled_from((None, 0, 0, 1, -1))  # how far from the right number; None names none
NUMBERS = st.lists(st.integers(1, 6), min_size=1, max_size=3)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "max_versions": st.integers(0, 2),
        "cas_required": st.booleans(),
        "delete_version_after": st.sampled_from((0, 10, 30)),
    },
)


@dataclass
class Version:
    data: dict[str, Any]
    deleted_at: float | None = None
    destroyed: bool = False


@dataclass
class Secret:
    versions: dict[int, Version] = field(default_factory=dict)
    current: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


class Model(RuleBasedStateMachine):
    """Each rule does one thing to the server and to the model, and compares what was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.kv: Clocked = self.runner.run(start(InMem()))
        self.time = 0.0
        self.config: dict[str, Any] = {}
        self.secrets: dict[str, Secret] = {}

    def teardown(self) -> None:
        self.runner.run(self.kv.api.close())
        self.runner.close()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return self.runner.run(self.kv(method, path, body))

    # -- what the model knows --------------------------------------------------------------------

    def expiry(self, secret: Secret) -> float | None:
        mount, own = (of.get("delete_version_after", 0) for of in (self.config, secret.settings))
        if mount < 0:
            return None
        spans = {mount, own} - {0}
        return self.time + min(spans) if spans else None

    def gone(self, version: Version) -> bool:
        return version.destroyed or (version.deleted_at is not None and version.deleted_at <= self.time)

    def add(self, path: str, data: dict[str, Any]) -> None:
        secret = self.secrets.setdefault(path, Secret())
        secret.current += 1
        secret.versions[secret.current] = Version(data, self.expiry(secret))
        keep = secret.settings.get("max_versions") or self.config.get("max_versions") or 10
        secret.versions = {n: v for n, v in secret.versions.items() if n > secret.current - keep}

    def cas_number(self, path: str, off: int | None) -> int | None:
        return None if off is None else self.secrets.get(path, Secret()).current + off

    def cas_passes(self, path: str, cas: int | None) -> bool:
        secret = self.secrets.get(path, Secret())
        if cas is None:
            return not (self.config.get("cas_required") or secret.settings.get("cas_required"))
        return cas == secret.current

    # -- what is done ----------------------------------------------------------------------------

    @rule(path=PATHS, data=DATA, cas=CAS, times=st.integers(1, 4))
    def write(self, path: str, data: dict[str, Any], cas: int | None, times: int) -> None:
        for _ in range(times):
            number = self.cas_number(path, cas)
            options = {} if number is None else {"cas": number}
            answer = self.send("POST", f"data/{path}", {"data": data, "options": options})
            if not self.cas_passes(path, number):
                assert answer.status == 400, answer
                continue
            self.add(path, data)
            assert answer.status == 200, answer
            assert answer.data["version"] == self.secrets[path].current

    @rule(path=PATHS, patch=PATCHES, off=CAS)
    def patch(self, path: str, patch: dict[str, Any], off: int | None) -> None:
        cas = self.cas_number(path, off)
        options = {} if cas is None else {"cas": cas}
        answer = self.send("PATCH", f"data/{path}", {"data": patch, "options": options})
        secret = self.secrets.get(path)
        if secret is None or not secret.current:
            assert answer.status == 404, answer
        elif not self.cas_passes(path, cas):
            assert answer.status == 400, answer
        elif self.gone(secret.versions[secret.current]):
            assert answer.status == 404, answer
        else:
            assert answer.status == 200, answer
            merged = secret.versions[secret.current].data | patch
            self.add(path, {key: value for key, value in merged.items() if value is not None})

    @rule(path=PATHS, numbers=st.none() | NUMBERS)
    def delete(self, path: str, numbers: list[int] | None) -> None:
        if numbers is None:
            answer = self.send("DELETE", f"data/{path}")
        else:
            answer = self.send("POST", f"delete/{path}", {"versions": numbers})
        assert answer.status == 204, answer
        secret = self.secrets.get(path, Secret())
        for number in [secret.current] if numbers is None else numbers:
            version = secret.versions.get(number)
            if version is not None and not self.gone(version):
                version.deleted_at = self.time

    @rule(path=PATHS, numbers=NUMBERS)
    def undelete(self, path: str, numbers: list[int]) -> None:
        assert self.send("POST", f"undelete/{path}", {"versions": numbers}).status == 204
        secret = self.secrets.get(path, Secret())
        for number in numbers:
            version = secret.versions.get(number)
            if version is not None and not version.destroyed:
                version.deleted_at = self.expiry(secret)

    @rule(path=PATHS, numbers=NUMBERS)
    def destroy(self, path: str, numbers: list[int]) -> None:
        assert self.send("POST", f"destroy/{path}", {"versions": numbers}).status == 204
        for number in numbers:
            version = self.secrets.get(path, Secret()).versions.get(number)
            if version is not None:
                version.destroyed = True

    @rule(path=PATHS, given=SETTINGS)
    def set_metadata(self, path: str, given: dict[str, Any]) -> None:
        assert self.send("POST", f"metadata/{path}", given).status == 204
        if given:
            self.secrets.setdefault(path, Secret()).settings.update(given)

    @rule(path=PATHS)
    def delete_metadata(self, path: str) -> None:
        assert self.send("DELETE", f"metadata/{path}").status == 204
        self.secrets.pop(path, None)

    @rule(given=SETTINGS, off=st.booleans())
    def set_config(self, given: dict[str, Any], off: bool) -> None:
        if off:
            given = given | {"delete_version_after": -1}
        assert self.send("POST", "config", given).status == 204
        self.config.update(given)

    @rule(seconds=st.sampled_from((1, 10, 25)))
    def wait(self, seconds: int) -> None:
        self.kv.clock.advance(seconds)
        self.time += seconds

    # -- what must hold --------------------------------------------------------------------------

    @invariant()
    def every_version_reads_as_in_the_model(self) -> None:
        for path, secret in self.secrets.items():
            for number in range(secret.current + 2):
                version = secret.versions.get(number or secret.current)
                answer = self.send("GET", f"data/{path}?version={number}")
                if version is None:
                    assert (answer.status, answer.json) == (404, {"errors": []})
                    continue
                gone = self.gone(version)
                assert answer.status == (404 if gone else 200), answer
                assert answer.data["data"] == (None if gone else version.data)
                assert answer.data["metadata"]["version"] == (number or secret.current)
                assert answer.data["metadata"]["destroyed"] is version.destroyed

    @invariant()
    def metadata_and_listings_are_those_of_the_model(self) -> None:
        for path, secret in self.secrets.items():
            found = self.send("GET", f"metadata/{path}").data
            assert found["current_version"] == secret.current
            assert {int(number) for number in found["versions"]} == set(secret.versions)
        listed = self.send("SCAN", "metadata").data.get("keys", [])
        assert listed == sorted(self.secrets)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
