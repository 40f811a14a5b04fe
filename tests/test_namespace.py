from __future__ import annotations

import pytest

from tests.inprocess import InProcess, inprocess


@pytest.mark.parametrize("name", ("", "/", "root", "/root/", "root/"))
def test_every_spelling_of_root_is_root(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        await api("PUT", "secret/data/a", {"data": {"x": "y"}})
        answer = await api("GET", "secret/data/a", headers={"X-Vault-Namespace": name})
        assert answer.data["data"] == {"x": "y"}

    inprocess(scenario)


@pytest.mark.parametrize("name", ("none", "none/below", "root/none", "../root", "root/root"))
def test_a_namespace_that_is_not_there_has_nothing(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        await api("PUT", "secret/data/a", {"data": {"x": "y"}})
        for method, path in (("GET", "secret/data/a"), ("GET", "sys/mounts"), ("PUT", "secret/data/a")):
            body: object = {"data": {}} if method == "PUT" else None
            answer = await api(method, path, body, {"X-Vault-Namespace": name})
            assert answer.status in {403, 404}, answer
        assert (await api("GET", "secret/data/a")).data["data"] == {"x": "y"}

    inprocess(scenario)
