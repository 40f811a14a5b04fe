"""Who makes leases: counted by mount, role and entity, in one answer or in many."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from strongroom.sys import lease_report
from tests.distant import issue, mounted, world
from tests.inprocess import InProcess, inprocess

__all__ = ["world"]  # a fixture

pytestmark = pytest.mark.usefixtures("world")


async def report(api: InProcess, query: str = "") -> dict[str, Any]:
    answer = await api("GET", f"sys/internal/leases/report?{query}")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.data
    return found


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {one["name"]: one["leases"] for one in found["counts"]}


async def filled(api: InProcess) -> None:
    await mounted(api)
    await issue(api, "big", 7)
    await issue(api, "small", 2)
    for _ in range(3):
        assert (await api("POST", "auth/token/create", {"ttl": "1h"})).status == 200


def test_leases_by_mount_and_by_role() -> None:
    async def scenario(api: InProcess) -> None:
        await filled(api)
        found = await report(api)
        assert (found["by"], found["complete"], found["lease_count"], found["after"]) == (
            "mount",
            True,
            12,
            "",
        )
        assert found["counts"] == [{"name": "out/", "leases": 9}, {"name": "auth/token/", "leases": 3}]
        by_role = {"out/creds/big": 7, "auth/token/create": 3, "out/creds/small": 2}
        assert counts(await report(api, "by=role")) == by_role
        assert counts(await report(api, "by=role&prefix=out/creds/s")) == {"out/creds/small": 2}
        assert counts(await report(api, "by=role&top=1")) == {"out/creds/big": 7}

    inprocess(scenario)


def test_leases_by_entity() -> None:
    async def scenario(api: InProcess) -> None:
        await filled(api)
        request = api.core.internal_request()
        [key] = [
            row.rpartition("/")[2] for row in await api.core.leases.ids(request, "auth/token/create/", 1)
        ]
        entry = await api.core.tokens.row(request.tx, key)
        assert entry is not None
        entry.entity_id = "somebody"
        api.core.tokens.update(request, entry)
        await api.core.store.commit(request.tx)
        assert counts(await report(api, "by=entity")) == {"": 11, "somebody": 1}

    inprocess(scenario)


@pytest.mark.parametrize("limit", (1, 5, 100))
def test_parts_add_up(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_report, "_PAGE", 3)

    async def scenario(api: InProcess) -> None:
        await filled(api)
        total: Counter[str] = Counter()
        after, parts = "", 0
        while True:
            found = await report(api, f"by=role&top=1&limit={limit}&after={after}")
            total.update(
                counts(found) if parts or not found["complete"] else counts(await report(api, "by=role"))
            )
            assert found["lease_count"] <= limit
            parts, after = parts + 1, found["after"]
            if found["complete"]:
                break
        assert total == {"out/creds/big": 7, "auth/token/create": 3, "out/creds/small": 2}
        assert parts == 12 // limit + 1

    inprocess(scenario)


def test_time_bounds_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_report, "SECONDS", 0.0)

    async def scenario(api: InProcess) -> None:
        await filled(api)
        assert not (await report(api))["complete"]

    inprocess(scenario)


def test_it_needs_sudo_and_a_known_way_to_count() -> None:
    async def scenario(api: InProcess) -> None:
        path = "sys/internal/leases/report"
        token = await api.policy_token(f'path "{path}" {{ capabilities = ["read"] }}')
        assert (await api("GET", path, token=token)).status == 403
        assert (await api("GET", f"{path}?by=colour")).status == 400

    inprocess(scenario)
