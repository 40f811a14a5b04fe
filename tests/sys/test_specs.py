from __future__ import annotations

from tests.inprocess import InProcess, inprocess

PATH = "sys/internal/specs/openapi"


def test_the_document_is_of_what_is_mounted_now() -> None:
    async def scenario(api: InProcess) -> None:
        before = (await api("GET", PATH)).json
        assert before["openapi"].startswith("3.")
        assert "/own/{path}" not in before["paths"]
        await api("POST", "sys/mounts/own", {"type": "kv", "options": {"version": "1"}})
        after = (await api("GET", PATH)).json
        fresh = set(after["paths"]) - set(before["paths"])
        assert fresh
        assert all(path.startswith("/own/") for path in fresh)
        assert (await api("POST", PATH)).json == after
        await api("DELETE", "sys/mounts/own")
        assert set((await api("GET", PATH)).json["paths"]) == set(before["paths"])

    inprocess(scenario)


def test_everybody_sees_only_mounts_of_their_own() -> None:
    async def scenario(api: InProcess) -> None:
        token = await api.policy_token('path "secret/data/a" { capabilities = ["read"] }')
        paths = (await api("GET", PATH, token=token)).json["paths"]
        mounts = {path.split("/")[1] for path in paths}
        assert "secret" in mounts
        await api("POST", "sys/mounts/other", {"type": "kv"})
        assert not any(
            path.startswith("/other/") for path in (await api("GET", PATH, token=token)).json["paths"]
        )
        for nobody in (None, "nobody"):
            assert (await api("GET", PATH, token=nobody)).json["paths"] == {}

    inprocess(scenario)


def test_generic_paths_have_a_parameter_for_the_mount() -> None:
    async def scenario(api: InProcess) -> None:
        named = (await api("GET", PATH)).json["paths"]
        generic = (await api("GET", f"{PATH}?generic_mount_paths=true")).json["paths"]
        assert any(path.startswith("/secret/") for path in named)
        assert not any(path.startswith("/secret/") for path in generic)
        (one,) = [path for path in generic if path.endswith("mount_path}/config") and "secret" in path]
        assert {each["name"] for each in generic[one]["parameters"]} == {one[2 : one.index("}")]}

    inprocess(scenario)
