"""An initialised server's seal, over a dict, and the people who keep its shares."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from strongroom.barrier.barrier import Barrier
from strongroom.seal import seal
from strongroom.seal.ceremony import RekeyCeremony
from strongroom.seal.quorum import Quorum
from strongroom.seal.seal import InitRequest
from strongroom.seal.static import StaticSeal
from strongroom.seal.wraps import Sealer
from tests.barrier.memory import MemoryTransaction

T = TypeVar("T")

STATIC_KEY = bytes(range(200, 232))


def run(step: Coroutine[Any, Any, T]) -> T:
    """Run to the end at once: nothing over a dict ever waits."""
    try:
        step.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("a step waited for something")


def key_of(shares: list[bytes], threshold: int) -> bytes:
    return Quorum(threshold, shares=tuple(shares[:threshold])).combined()


class Keep:
    """A barrier, its storage, and the shares that were handed out."""

    def __init__(self, request: InitRequest, sealer: Sealer | None = None) -> None:
        self.tx = MemoryTransaction()
        self.barrier = Barrier()
        self.sealers: dict[str, Sealer] = {} if sealer is None else {sealer.type: sealer}
        result = run(seal.initialize(self.tx, self.barrier, request, now=1, sealer=sealer))
        self.result = result
        self.shares = list((result.recovery or result.keys).parts)
        self.witness = self.barrier.encrypt("witness", b"still here")

    @classmethod
    def shamir(cls, shares: int = 5, threshold: int = 3) -> Keep:
        return cls(InitRequest(secret_shares=shares, secret_threshold=threshold))

    @classmethod
    def static(cls, shares: int = 3, threshold: int = 2) -> Keep:
        request = InitRequest(recovery_shares=shares, recovery_threshold=threshold)
        return cls(request, StaticSeal(("k1", STATIC_KEY)))

    def rekeying(self, target: str = "root") -> RekeyCeremony:
        return RekeyCeremony(target, self.barrier, self.sealers)

    def opens(self, sealer: Sealer) -> bool:
        """Whether a server that starts now unseals with ``sealer`` and finds what was stored."""
        restarted = Barrier()
        try:
            run(seal.unseal(self.tx, restarted, sealer))
        except seal.WrongKey:
            return False
        return restarted.decrypt("witness", self.witness) == b"still here"

    def opens_with(self, shares: list[bytes], threshold: int) -> bool:
        return self.opens(seal.shamir_sealer(key_of(shares, threshold)))
