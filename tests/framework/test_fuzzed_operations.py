"""Everything the OpenAPI document offers is tried: nothing it allows ends in a fault of the server."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from strongroom.errors import UpstreamFailed
from strongroom.framework.openapi import document
from strongroom.registry import BUILTIN, backend_class
from strongroom.testing.local import LocalServer
from strongroom.upstream import http

EXPECTED = frozenset({501, 502, 503})
"""Not initialised, nobody outside, sealed: what some operations are there to tell, or to bring about."""
OUTSIDE = ("gcpkms", "consul", "kubernetes", "nomad", "rabbitmq")
"""Engines that speak to systems outside, of which there are none here."""
ENDLESS = frozenset({("get", "/sys/monitor")})
MOUNTS = {
    "sys/": ("mounts", "system", {}),
    "cubbyhole/": ("mounts", "cubbyhole", {}),
    "auth/app-id/": ("auth", "app-id", {}),
    "auth/approle/": ("auth", "approle", {}),
    "auth/cert/": ("auth", "cert", {}),
    "identity/": ("mounts", "identity", {}),
    "auth/token/": ("auth", "token", {}),
    "auth/userpass/": ("auth", "userpass", {}),
    "secret/": ("mounts", "kv", {"version": "2"}),
    "kv/": ("mounts", "kv", {}),
    **{f"{engine}/": ("mounts", engine, {}) for engine in OUTSIDE},
    "database/": ("mounts", "database", {}),
    "ldap/": ("mounts", "ldap", {}),
    "mysql/": ("mounts", "mysql", {}),
    "pki/": ("mounts", "pki", {}),
    "postgresql/": ("mounts", "postgresql", {}),
    "ssh/": ("mounts", "ssh", {}),
    "totp/": ("mounts", "totp", {}),
    "transit/": ("mounts", "transit", {}),
}


@cache
def described() -> dict[str, Any]:
    """The document of a fresh server with KV version 1 besides."""
    made = {
        prefix: backend_class(table, type_, options)(None)  # type: ignore[arg-type]  # declarations only
        for prefix, (table, type_, options) in MOUNTS.items()
    }
    return document(made)


@cache
def schema() -> Any:
    import schemathesis  # noqa: PLC0415  takes a second

    return schemathesis.openapi.from_dict(described())


def operations() -> list[tuple[str, str]]:
    verbs = ("get", "post", "patch", "delete")
    return [(verb, path) for path, item in described()["paths"].items() for verb in verbs if verb in item]


def test_the_document_covers_every_builtin_engine() -> None:
    tried = {backend_class(*mounted) for mounted in MOUNTS.values()}
    known = {backend_class(table, type_, None) for table, types in BUILTIN.items() for type_ in types}
    assert {engine for engine in known if engine.paths} <= tried


@pytest.fixture
def _nobody_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever address an engine is given, no name is looked up and no connection made."""

    async def refuse(target: http.Target) -> None:
        raise UpstreamFailed("nobody is there")

    monkeypatch.setattr(http, "_session", refuse)


@pytest.mark.slow
@pytest.mark.usefixtures("_nobody_outside")
@pytest.mark.parametrize(("verb", "path"), sorted(set(operations()) - ENDLESS))
def test_an_operation_never_fails_the_server(verb: str, path: str) -> None:
    operation = schema()[path][verb]
    failed: list[str] = []

    @seed(20261122)
    @settings(
        max_examples=3,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy())
    def attempt(case: Any) -> None:
        answer = case.call(
            base_url=f"{server.address}/v1", headers={"X-Vault-Token": server.root_token}, timeout=20
        )
        if answer.status_code >= 500 and answer.status_code not in EXPECTED:
            failed.append(f"{answer.status_code} {answer.text}: {case.as_curl_command()}")

    with LocalServer() as server:
        client = server.client()
        client.write("sys/mounts/kv", {"type": "kv"})
        if (kind := path.split("/")[1]) in {
            "database",
            "mysql",
            "pki",
            "postgresql",
            "ssh",
            "totp",
            "transit",
            *OUTSIDE,
        }:
            client.write(f"sys/mounts/{kind}", {"type": kind})
        for method in ("app-id", "approle", "userpass"):
            client.write(f"sys/auth/{method}", {"type": method})
        attempt()
    assert not failed
