"""What comes in over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess
from tests.promises.advisories.asking import CANARY, seeded


@pytest.mark.parametrize(
    "path",
    (
        "secret/data/mine/../other",
        "secret/data/mine/%2e%2e/other",
        "secret/data/mine/.%2E/other",
        "secret/data/mine/..%2fother",
        "secret/data/mine%2f..%2fother",
        "secret/data/mine/./../other",
        "secret/data/mine//../other",
        "sys/../secret/data/other",
    ),
)
def test_cve_2026_3605_dots_do_not_change_what_policy_sees(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "mine/a", "other")
        token = await api.policy_token(
            'path "secret/data/mine/*" { capabilities = ["read", "update", "create"] }'
            'path "sys/*" { capabilities = ["read"] }'
        )
        for method in ("GET", "POST"):
            answer = await api(method, path, {"data": {}} if method == "POST" else None, token=token)
            assert answer.status in (307, 400, 403, 404), answer
            if answer.status == 307:  # and the client that follows is judged by where it ends
                answer = await api(method, answer.headers["location"].removeprefix("/v1/"), {}, token=token)
                assert answer.status == 403, answer
        assert (await api("GET", "secret/data/other")).data["metadata"]["version"] == 1

    inprocess(scenario)


@pytest.mark.parametrize(
    "body",
    (
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"data":[' + b'"",' * 2_000_000 + b'""]}',
        b"[" * 5_000_000,
        b'{"data":"' + b'\\"' * 1_000_000,
    ),
    ids=("lists", "objects", "strings", "open", "torn"),
)
def test_cve_2025_6203_small_json_does_not_explode(body: bytes) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "secret/data/a", body)
        assert answer.status == 400, answer.status
        assert len(answer.body) < 500
        answer = await api("POST", "auth/token/create", {"meta": body.decode()})
        assert answer.status == 400, answer.status  # not by way of a string that is read as JSON, either

    inprocess(scenario)


def test_cve_2025_4166_cve_2025_52893_no_error_repeats_what_was_submitted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "audit.log"

    async def scenario(api: InProcess) -> None:
        device = {"type": "file", "options": {"file_path": str(log)}}
        assert (await api("POST", "sys/audit/log", device)).status == 204
        bodies: tuple[Any, ...] = (
            f'{{"data": "{CANARY}'.encode(),
            f'{{"data": {CANARY}}}'.encode(),
            f'["{CANARY}"]'.encode(),
            {"data": CANARY},
            {"data": {"a": "b"}, "options": {"cas": CANARY}},
            {"options": CANARY, "data": {}},
        )
        for body in bodies:
            for method, type_ in (("POST", "application/json"), ("PATCH", "application/merge-patch+json")):
                answer = await api(method, "secret/data/a", body, {"Content-Type": type_})
                assert answer.status in (400, 404), answer
                assert CANARY not in answer.body.decode()
        for path, name in (
            ("auth/token/create", "ttl"),
            ("auth/token/create", "explicit_max_ttl"),
            ("auth/token/create", "num_uses"),
            ("auth/token/create", "renewable"),
            ("auth/token/create", "meta"),
            ("auth/token/renew-self", "increment"),
            ("secret/config", "delete_version_after"),
            ("secret/config", "max_versions"),
            ("sys/mounts/secret/tune", "max_lease_ttl"),
            ("sys/quotas/rate-limit/a", "rate"),
            ("sys/tools/random", "bytes"),
            ("sys/unseal", "key"),
            ("sys/wrapping/unwrap", "token"),
            ("auth/token/lookup", "token"),
            ("sys/leases/revoke", "lease_id"),
        ):
            answer = await api("POST", path, {name: CANARY})
            assert CANARY not in answer.body.decode(), (path, name)
        answer = await api("GET", "secret/data/a", headers={"X-Vault-Wrap-TTL": CANARY})
        assert answer.status == 400
        assert CANARY not in answer.body.decode()

    inprocess(scenario)
    lease_ids_are_no_secrets = [line for line in log.read_text().splitlines() if '"lease_id"' not in line]
    assert CANARY not in "\n".join(lease_ids_are_no_secrets)
    assert CANARY not in caplog.text
