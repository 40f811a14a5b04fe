from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from strongroom.crypto.aead import Unopenable
from strongroom.seal.static import StaticSeal
from strongroom.seal.wraps import Sealer, ShamirKey, Wrap

KEY = bytes(range(32))


def test_a_wrap_survives_the_storage() -> None:
    async def run() -> None:
        for sealer in (ShamirKey(bytes([1]) * 32), StaticSeal(("k1", bytes([2]) * 32))):
            checked: Sealer = sealer
            wrap = await Wrap.make("core/wraps/a", checked, KEY)
            loaded = Wrap.load("core/wraps/a", wrap.dump())
            assert loaded == wrap
            assert await loaded.open(checked) == KEY

    asyncio.run(run())


def test_a_wrap_opens_only_in_its_own_row_under_its_own_labels() -> None:
    async def run() -> None:
        keys = ("k1", bytes([2]) * 32), ("k2", bytes([2]) * 32)
        static = StaticSeal(*keys)
        wrap = await Wrap.make("core/wraps/a", static, KEY)
        for forged in (
            replace(wrap, path="core/wraps/b"),
            replace(wrap, key_id="k2"),
            replace(wrap, key_id="k3"),
            replace(wrap, type="shamir"),
            replace(wrap, ciphertext=wrap.ciphertext[:-1] + bytes([wrap.ciphertext[-1] ^ 1])),
        ):
            with pytest.raises(Unopenable):
                await forged.open(static)

    asyncio.run(run())


def test_another_key_does_not_open() -> None:
    async def run() -> None:
        wrap = await Wrap.make("core/wraps/a", ShamirKey(bytes(32)), KEY)
        with pytest.raises(Unopenable):
            await wrap.open(ShamirKey(bytes([9]) * 32))
        with pytest.raises(Unopenable):
            ShamirKey(bytes(33))

    asyncio.run(run())
