"""Every declared path and operation with generated input: no internal error, no secret repeated."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.auth.token import TokenAuth
from strongroom.framework.backend import Backend
from strongroom.framework.field import Field
from strongroom.framework.path import Path
from strongroom.logical import Operation
from strongroom.secrets.cubbyhole import Cubbyhole
from strongroom.secrets.kv.v1 import KV
from strongroom.secrets.kv.v2 import KV2
from strongroom.sys.system import System
from tests.inprocess import InProcess

ENGINES: dict[str, type[Backend]] = {
    "sys/": System,
    "auth/token/": TokenAuth,
    "secret/": KV2,
    "kv1/": KV,
    "cubbyhole/": Cubbyhole,
}
DECLARED = [(prefix, path) for prefix, engine in ENGINES.items() for path in engine.paths]
SECRET = "canary-8c14f9e2"
METHODS = {
    Operation.READ: "GET",
    Operation.LIST: "LIST",
    Operation.SCAN: "SCAN",
    Operation.UPDATE: "POST",
    Operation.PATCH: "PATCH",
    Operation.DELETE: "DELETE",
}

texts = st.one_of(
    st.sampled_from(
        (
            "", "a", "kv", "kv1", "secret", "token", "root", "default", "x/y", "1h", "-1", "0", "true", "é",
            "default-service", "auth/token/create", "base64", "hex", "a\0b", "%", "{{", "*", "+", "..", "😀",
            "9" * 400, 'path "a" { capabilities = ["read"] }', "srs." + "x" * 24, "AAAA",
        )
    ),
    st.text(max_size=12),
)  # fmt: skip
numbers = st.one_of(
    st.integers(-3, 70), st.sampled_from((1 << 31, -(1 << 63), 1 << 64, 10**400, 1.5, -0.0, 1e300))
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
names = st.one_of(
    st.sampled_from(("a", "b", "kv1", "secret", "x/y", "default", "root", "token", "a/", "")), texts
)


def values(field: Field) -> st.SearchStrategy[Any]:
    """What is sent for a field: what it wants, what it does not, and a secret where none may be repeated."""
    kind = field.kind.schema.get("type")
    fitting: dict[Any, st.SearchStrategy[Any]] = {
        "string": texts,
        "integer": numbers,
        "boolean": st.booleans(),
        "array": st.lists(texts, max_size=3),
        "object": st.dictionaries(texts, anything, max_size=3),
    }
    choices = [fitting.get(kind, anything), anything]
    if field.sensitive or kind != "string":
        choices.append(st.just(SECRET))
    return st.one_of(choices)


def requests(path: type[Path]) -> st.SearchStrategy[tuple[str, dict[str, Any], dict[str, Any] | bytes]]:
    """The path below the mount, the query, the body."""
    holes = [field for field in path.fields.values() if field.in_path]
    fields = {name: values(field) for name, field in path.fields.items() if not field.in_path}
    bodies = st.one_of(
        st.fixed_dictionaries({}, optional=fields),
        st.dictionaries(texts, anything, max_size=2),
        st.sampled_from((b"", b"null", b"[]", b"{", b'"x"', b'{"a":1}')),
    )
    queries = st.dictionaries(
        st.sampled_from(("after", "limit", "list", "scan", "help", "version", "depth", *fields)),
        texts,
        max_size=2,
    )
    relative = st.tuples(*(names for _ in holes)).map(lambda filled: fill(path.pattern, filled))
    return st.tuples(relative, queries, bodies)


def fill(pattern: str, filled: tuple[str, ...]) -> str:
    """A pattern with its holes filled, percent-encoded."""
    parts, words = pattern.removesuffix("/?").split("{"), list(filled)
    out = parts[0]
    for part in parts[1:]:
        hole, _, rest = part.partition("}")
        out += quote(words.pop(0), safe="/" if "*" in hole else "") + rest
    return out


def encoded(body: dict[str, Any] | bytes) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


class Errors(logging.Handler):
    """What is logged, as text with tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Bench:
    """A server that is opened anew once a request has broken it, sealed it or taken its root token."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.api: InProcess | None = None

    def send(self, method: str, target: str, body: Any) -> tuple[int, bytes]:
        return self.loop.run_until_complete(self._send(method, target, body))

    async def _send(self, method: str, target: str, body: Any) -> tuple[int, bytes]:
        api = await self._whole()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        async with asyncio.timeout(20):
            answer = await api(method, target, body, {"Content-Type": kind})
        if isinstance(answer.stream, AsyncGenerator):
            await answer.stream.aclose()
        return answer.status, answer.body

    async def _whole(self) -> InProcess:
        if self.api is not None:
            states = [
                (await self.api("GET", path)).status for path in ("secret/config", "kv1/a", "sys/policy/a")
            ]
            if states[0] == 200 and 403 not in states and 503 not in states:
                return self.api
            await self.api.close()
        self.api = await InProcess.open()
        assert (
            await self.api("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
        ).status == 204
        assert (await self.api("POST", "kv1/a", {"a": "b"})).status == 204
        assert (await self.api("POST", "secret/data/a", {"data": {"a": "b"}})).status == 200
        return self.api

    def close(self) -> None:
        if self.api is not None:
            self.loop.run_until_complete(self.api.close())
        self.loop.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    one = Bench()
    yield one
    one.close()


@pytest.mark.parametrize(("prefix", "path"), DECLARED, ids=lambda part: getattr(part, "pattern", part))
def test_no_input_breaks_it(bench: Bench, prefix: str, path: type[Path]) -> None:
    methods = sorted({METHODS[one] for one in path.operations if one in METHODS})

    @settings(
        max_examples=20 * len(methods),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(methods), requests(path))
    def fuzz(method: str, request: tuple[str, dict[str, Any], dict[str, Any] | bytes]) -> None:
        relative, query, body = request
        target = prefix + relative + (f"?{urlencode(query, errors='replace')}" if query else "")
        errors = Errors()
        logging.getLogger().addHandler(errors)
        try:
            status, content = bench.send(
                method, target, encoded(body) if method in ("POST", "PATCH") else None
            )
        finally:
            logging.getLogger().removeHandler(errors)
        log = "\n".join(errors.lines)
        assert b"internal error" not in content, (status, content, log[-3000:])
        assert status < 500, (status, content)
        assert "Traceback" not in log, log[-3000:]
        assert SECRET not in log
        if status >= 400:
            assert SECRET.encode() not in content, (status, content)

    fuzz()
