"""What stands before a server may answer anything: that is a failure like others, and ends nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.agent.envelope import LONGEST, Envelope, envelope
from strongroom.errors import UpstreamFailed
from tests.agent.agents import Agents
from tests.upstream.simulator import Call, Simulator, serving

NONSENSE: tuple[Any, ...] = (
    None, [], "x", 5, True, {}, {"auth": []}, {"auth": "x"}, {"auth": {"client_token": 5}},
    {"auth": {"client_token": "t", "lease_duration": "x"}}, {"auth": {"lease_duration": 5}},
    {"auth": {"client_token": "t\r\nx: y", "lease_duration": 60}}, {"data": []}, {"data": "x"},
    {"data": {"ttl": "x"}}, {"data": {"path": 5, "options": [], "type": {}}},
    {"data": {"path": "x/", "options": "x", "type": "kv"}}, {"lease_id": 5, "lease_duration": "x"},
    {"lease_duration": "1h", "data": {"v": "a"}}, {"errors": 5}, {"errors": [5, None, {}]},
    {"wrap_info": 5}, {"data": {"keys": 5}}, {"data": {"data": None, "metadata": 5}},
)  # fmt: skip
RAW = (b"", b"\xff\xfe", b"<html>hello</html>", b"[" * 5_000, b'{"a":' * 3_000, b'{"data": {"ttl": NaN}}')

FIELDS = Envelope.__struct_fields__
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner),
    max_leaves=8,
)


def checked(body: bytes) -> None:
    try:
        found = envelope(body)
    except UpstreamFailed:
        return
    assert 0 <= found.lease_duration <= LONGEST
    assert isinstance(found.text("path") + found.lease_id, str)
    assert isinstance(found.part("options"), dict)
    assert found.auth is None or 0 <= found.auth.lease_duration <= LONGEST


@pytest.mark.parametrize("body", (*RAW, *(json.dumps(each).encode() for each in NONSENSE)))
def test_an_answer_has_its_form_or_is_a_failure(body: bytes) -> None:
    checked(body)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_any_json_has_its_form_or_is_a_failure(document: Any) -> None:
    checked(json.dumps(document).encode())


def test_lives_that_nobody_can_reckon_with() -> None:
    assert envelope(b'{"lease_duration": -5}').lease_duration == 0
    assert envelope(b'{"lease_duration": 1e300}').lease_duration == LONGEST


class Confused(Simulator):
    """Answers nonsense a while, on one path after another, then as it should."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: dict[str, int] = {}

    def answer(self, call: Call) -> tuple[int, Any]:
        right = self.right(call)
        turn = self.turns[call.raw] = self.turns.get(call.raw, -1) + 1
        if turn < 2 * len(NONSENSE):
            return (200 if turn % 2 else 500), NONSENSE[turn // 2]
        return 200, right

    def right(self, call: Call) -> Any:
        if "login" in call.raw:
            return {"auth": {"client_token": "t", "lease_duration": 60, "renewable": True}}
        if "mounts" in call.raw:
            return {"data": {"path": "x/", "type": "x"}}
        if "renew" in call.raw:
            return {"lease_id": "x/1", "lease_duration": 2, "renewable": True}
        return {"lease_id": "x/1", "lease_duration": 2, "renewable": True, "data": {"v": "one"}}

    def asked(self, word: str) -> int:
        return sum(turn for path, turn in list(self.turns.items()) if word in path)


@pytest.mark.parametrize("cache", ("", "cache {}"))
def test_an_agent_lives_through_nonsense(agents: Agents, cache: str) -> None:
    config = f"""
    vault {{ address = "%" retry {{ backoff = "1ms" max_backoff = "5ms" }} }}
    auto_auth {{
      method "approle" {{
        min_backoff = "1ms"
        max_backoff = "5ms"
        config = {{ role_id_file_path = "@/role" }}
      }}
    }}
    {cache}
    template_config {{ static_secret_render_interval = "10ms" }}
    template {{
      contents = "{{{{ with secret `x/y` }}}}{{{{ .Data.v }}}}{{{{ end }}}}"
      destination = "@/out"
    }}
    """
    with serving(Confused()) as server:
        agent = agents.ours("a", server.url, {"agent.hcl": config, "role": "r"})
        agent.until(lambda: agent.text("out") == "one", 30)
        agent.until(lambda: server.asked("leases/renew") > 10, 30)
        assert agent.text("out") == "one"
        assert agent.stop() == 0
    assert "unexpected error" not in agent.log
