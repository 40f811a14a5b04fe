"""Cubbyholes: each token has its own, and it goes when the token goes."""

from __future__ import annotations

from typing import Any

from tests.inprocess import Answer, InProcess, inprocess


async def token(api: InProcess, **fields: Any) -> str:
    answer = await api("POST", "auth/token/create", {"policies": ["default"], **fields})
    assert answer.status == 200, answer
    made: str = answer.json["auth"]["client_token"]
    return made


async def stored(api: InProcess) -> list[str]:
    """Every key of every cubbyhole."""
    tx = api.core.store.begin(write=False)
    try:
        return await tx.scan(api.core.mounts.by_prefix["cubbyhole/"].storage_prefix)
    finally:
        tx.close()


def test_write_read_list_delete() -> None:
    async def scenario(api: InProcess) -> None:
        own = await token(api)

        async def hole(method: str, path: str, body: Any = None) -> Answer:
            return await api(method, f"cubbyhole/{path}", body, token=own)

        assert (await hole("GET", "a")).status == 404
        assert (await hole("POST", "a", b'{"n": 1.10, "after": {}, "path": "p"}')).status == 204
        assert b'"data":{"n":1.10,"after":{},"path":"p"}' in (await hole("GET", "a")).body
        assert (await hole("PUT", "dir/b/c", {"x": 1})).status == 204
        assert (await hole("LIST", "")).data == {"keys": ["a", "dir/"]}
        assert (await hole("LIST", "?limit=1")).data == {"keys": ["a"]}
        assert (await hole("LIST", "dir")).data == {"keys": ["b/"]}
        assert (await hole("LIST", "none")).status == 404
        assert (await hole("DELETE", "a")).status == 204
        assert (await hole("GET", "a")).status == 404
        assert (await hole("DELETE", "a")).status == 204

    inprocess(scenario)


def test_what_cannot_be_written() -> None:
    async def scenario(api: InProcess) -> None:
        own = await token(api)
        bodies: tuple[dict[str, int] | None, ...] = (None, {})
        for body in bodies:
            answer = await api("POST", "cubbyhole/a", body, token=own)
            assert (answer.status, answer.errors) == (400, ["missing data fields"])
        for path in ("", "dir/"):
            answer = await api("POST", f"cubbyhole/{path}", {"x": 1}, token=own)
            assert (answer.status, answer.errors) == (400, ["cannot write to a path ending in '/'"])
        assert (await api("GET", "cubbyhole/a", token=None)).status == 403
        assert await stored(api) == []

    inprocess(scenario)


def test_no_token_sees_another_ones() -> None:
    async def scenario(api: InProcess) -> None:
        one, two = await token(api), await token(api)
        assert (await api("POST", "cubbyhole/a", {"of": "one"}, token=one)).status == 204
        for other in (two, api.token):
            assert (await api("GET", "cubbyhole/a", token=other)).status == 404
            assert (await api("LIST", "cubbyhole", token=other)).status == 404
        assert (await api("POST", "cubbyhole/a", {"of": "two"}, token=two)).status == 204
        assert (await api("DELETE", "cubbyhole/a", token=two)).status == 204
        assert (await api("GET", "cubbyhole/a", token=one)).data == {"of": "one"}

    inprocess(scenario)


def test_a_cubbyhole_goes_with_its_token() -> None:
    async def scenario(api: InProcess) -> None:
        one = await token(api)
        for path in ("a", "dir/b"):
            assert (await api("POST", f"cubbyhole/{path}", {"x": 1}, token=one)).status == 204
        assert len(await stored(api)) == 2
        assert (await api("POST", "auth/token/revoke", {"token": one})).status == 204
        assert (await api("GET", "cubbyhole/a", token=one)).status == 403
        assert await stored(api) == []

    inprocess(scenario)


def test_the_key_in_storage_is_not_the_token() -> None:
    async def scenario(api: InProcess) -> None:
        one = await token(api)
        await api("POST", "cubbyhole/a", {"x": 1}, token=one)
        (key,) = await stored(api)
        assert one not in key
        assert key.endswith("/a")

    inprocess(scenario)


def test_batch_tokens_have_none() -> None:
    async def scenario(api: InProcess) -> None:
        batch = await token(api, type="batch", ttl="1h")
        for method, body in (("GET", None), ("POST", {"x": 1}), ("DELETE", None), ("LIST", None)):
            answer = await api(method, "cubbyhole/a", body, token=batch)
            assert (answer.status, answer.errors) == (
                400,
                ["cubbyhole operations are only supported by 'service' type tokens"],
            )

    inprocess(scenario)
