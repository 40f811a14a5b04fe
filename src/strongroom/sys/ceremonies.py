"""Ceremonies of the key holders: new unseal keys, new recovery keys, a new root token.

Each exists twice: below ``sys/rotate/`` and ``sys/generate-root-token/`` for callers with a token,
and at the older paths ``sys/rekey/`` and ``sys/generate-root/``, which want a token with sudo unless
the listener opens them. Source: Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from strongroom import codec
from strongroom.errors import BadRequest
from strongroom.framework.field import StringList, field
from strongroom.framework.path import UNAVAILABLE, UNSEALABLE, Path
from strongroom.logical import Request, Response
from strongroom.seal import seal
from strongroom.seal.ceremony import RekeyCeremony, RootGenerationCeremony, Step
from strongroom.seal.config import SealConfig
from strongroom.seal.generate_root import decode_token
from strongroom.seal.quorum import decode_key

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.sys.system import System


class Ceremony(Path):
    """What the paths of all ceremonies have in common."""

    legacy: ClassVar[bool] = False
    switch: ClassVar[str] = "disable_unauthed_rekey_endpoints"

    @classmethod
    def needs_token(cls, request: Request) -> bool:
        """The older paths open to everybody where the listener says so."""
        if not cls.legacy:
            return True
        return request.message is None or bool(getattr(request.message.listener, cls.switch))

    async def privileged(self, request: Request) -> bool:
        """Whether the caller may end what others began without naming it."""
        acl = request.acl or await request.core.acl_of(request)
        return acl is not None and bool({"root", "sudo"} & set(acl.capabilities(request.judged)))

    def named(self, request: Request) -> str:
        """The nonce by which a caller names the ceremony to end: in the query, or in a body."""
        nonce = request.data.get("nonce", "")
        if not nonce and request.message is not None and request.message.body:
            nonce = codec.decode_object(request.message.body, max_strings=10).get("nonce", "")
        return str(nonce)

    def answer(self, body: dict[str, Any]) -> Response:
        """The older paths answer without the envelope."""
        return Response(raw=codec.encode(body) + b"\n") if self.legacy else Response(data=body)

    def step(self, request: Request, step: Step) -> Response:
        """Answer a step; what it leads to happens once it is durable."""
        request.on_commit.append(step.done)
        return self.answer(step.answer)


# -- new keys ------------------------------------------------------------------------------------


class RekeyPath(Ceremony):
    """A path of a rekey; ``target`` is root or recovery."""

    root_namespace_only = UNAVAILABLE
    target: ClassVar[str] = "root"

    def ceremony(self, system: System) -> RekeyCeremony:
        """The ceremony of this path."""
        return system.core.lifecycle.rekeys[self.target]


class RekeyInit(RekeyPath):
    """Start, watch or cancel the making of new keys."""

    secret_shares: int = field("Into how many shares to split the new key.")
    secret_threshold: int = field("How many shares are wanted.")
    pgp_keys: StringList = field("One OpenPGP public key a share.")
    backup: bool = field("Keep the encrypted shares in storage.")
    require_verification: bool = field("The new keys count only once they have been verified.")

    async def read(self, system: System, request: Request) -> Response:
        """How far it has come."""
        return self.answer(await self.ceremony(system).status(request.tx, legacy=self.legacy))

    async def write(self, system: System, request: Request) -> Response:
        """Start it."""
        config = SealConfig(
            shares=self.secret_shares,
            threshold=self.secret_threshold,
            pgp_keys=tuple(self.pgp_keys),
            backup=self.backup,
        )
        ceremony = self.ceremony(system)
        verify = self.require_verification
        return self.answer(await ceremony.start(request.tx, config, verify=verify, legacy=self.legacy))

    async def delete(self, system: System, request: Request) -> None:
        """Cancel it. Who has no token must name it by its nonce."""
        privileged = await self.privileged(request)
        self.ceremony(system).cancel(self.named(request), privileged=privileged)


class KeyStep(Path):
    """One key holder's share."""

    key: str = field("A share, in hex or base64.", sensitive=True)
    nonce: str = field("Nonce of the ceremony.")
    legacy: ClassVar[bool] = False
    wanted: ClassVar[tuple[str, ...]] = ("key", "nonce")
    missing: ClassVar[str] = "missing required field '{}'"

    def share(self) -> bytes:
        """The share's bytes. Raises BadRequest."""
        if not self.legacy:
            for name in self.wanted:
                if not getattr(self, name):
                    raise BadRequest(self.missing.format(name))
        if not self.key:
            raise BadRequest("'key' must be specified in request body as JSON")
        return decode_key(self.key)


class RekeyUpdate(RekeyPath, KeyStep):
    """Give a share of the present key; the last one brings the new shares."""

    async def write(self, system: System, request: Request) -> Response:
        """Take a share."""
        ceremony = self.ceremony(system)
        step = await ceremony.update(request.tx, self.share(), self.nonce, legacy=self.legacy)
        return self.step(request, step)


class RekeyVerify(RekeyPath, KeyStep):
    """Give shares of the new key, to prove that they arrived."""

    async def read(self, system: System, request: Request) -> Response:
        """How far verification has come."""
        return self.answer(self.ceremony(system).verification_status())

    async def write(self, system: System, request: Request) -> Response:
        """Take a share of the new key."""
        return self.step(request, await self.ceremony(system).verify(request.tx, self.share(), self.nonce))

    async def delete(self, system: System, request: Request) -> Response:
        """Start verification over."""
        privileged = await self.privileged(request)
        ceremony = self.ceremony(system)
        return self.answer(ceremony.restart_verification(self.named(request), privileged=privileged))


class RekeyBackup(RekeyPath):
    """The encrypted shares that were kept in storage."""

    root_protected = True

    async def read(self, system: System, request: Request) -> Response:
        """The shares by fingerprint."""
        return Response(data=await self.ceremony(system).backup(request.tx), flat=self.legacy)

    async def delete(self, system: System, request: Request) -> None:
        """Remove them."""
        self.ceremony(system).delete_backup(request.tx)


class RotateRoot(Ceremony):
    """A new root key under the same unseal keys. Needs sudo."""

    pattern = "rotate/root"
    root_namespace_only = UNSEALABLE
    root_protected = True

    async def write(self, system: System, request: Request) -> None:
        """Replace the root key."""
        core = system.core
        ring = await seal.rotate_root_key(request.tx, core.barrier, core.lifecycle.sealers)
        request.on_commit.append(lambda: core.barrier.succeed(ring))


class RotateRootInit(RekeyInit):
    """Start, watch or cancel the making of new unseal keys."""

    pattern = "rotate/root/init"
    root_namespace_only = UNSEALABLE


class RotateRootUpdate(RekeyUpdate):
    """Give a share of the present unseal key; the last one brings the new shares."""

    pattern = "rotate/root/update"
    root_namespace_only = UNSEALABLE


class RotateRootVerify(RekeyVerify):
    """Give shares of the new unseal key, to prove that they arrived."""

    pattern = "rotate/root/verify"
    root_namespace_only = UNSEALABLE


class RotateRootBackup(RekeyBackup):
    """The encrypted unseal shares that were kept in storage. Needs sudo."""

    pattern = "rotate/root/backup"
    root_namespace_only = UNSEALABLE


class RotateRecoveryInit(RekeyInit):
    """Start, watch or cancel the making of new recovery keys."""

    pattern = "rotate/recovery/init"
    root_namespace_only = UNSEALABLE
    target = "recovery"


class RotateRecoveryUpdate(RekeyUpdate):
    """Give a share of the present recovery key; the last one brings the new shares."""

    pattern = "rotate/recovery/update"
    root_namespace_only = UNSEALABLE
    target = "recovery"


class RotateRecoveryVerify(RekeyVerify):
    """Give shares of the new recovery key, to prove that they arrived."""

    pattern = "rotate/recovery/verify"
    root_namespace_only = UNSEALABLE
    target = "recovery"


class RotateRecoveryBackup(RekeyBackup):
    """The encrypted recovery shares that were kept in storage. Needs sudo."""

    pattern = "rotate/recovery/backup"
    root_namespace_only = UNSEALABLE
    target = "recovery"


class OldRekeyInit(RekeyInit):
    """Older path of rotate/root/init."""

    pattern = "rekey/init"
    legacy = root_protected = True


class OldRekeyUpdate(RekeyUpdate):
    """Older path of rotate/root/update."""

    pattern = "rekey/update"
    legacy = root_protected = True


class OldRekeyVerify(RekeyVerify):
    """Older path of rotate/root/verify."""

    pattern = "rekey/verify"
    legacy = root_protected = True


class OldRekeyBackup(RekeyBackup):
    """Older path of rotate/root/backup. Needs sudo."""

    pattern = "rekey/backup"


class OldRecoveryBackup(RekeyBackup):
    """Older path of rotate/recovery/backup. Needs sudo."""

    pattern = "rekey/recovery-key-backup"
    target = "recovery"


class OldRecoveryInit(RekeyInit):
    """Older path of rotate/recovery/init."""

    pattern = "rekey-recovery-key/init"
    target = "recovery"
    legacy = root_protected = True


class OldRecoveryUpdate(RekeyUpdate):
    """Older path of rotate/recovery/update."""

    pattern = "rekey-recovery-key/update"
    target = "recovery"
    legacy = root_protected = True


class OldRecoveryVerify(RekeyVerify):
    """Older path of rotate/recovery/verify."""

    pattern = "rekey-recovery-key/verify"
    target = "recovery"
    legacy = root_protected = True


# -- a new root token ------------------------------------------------------------------------------


class GenerateRootPath(Ceremony):
    """A path of the making of a root token."""

    root_namespace_only = UNAVAILABLE
    switch = "disable_unauthed_generate_root_endpoints"

    def ceremony(self, system: System) -> RootGenerationCeremony:
        """The ceremony."""
        return system.core.lifecycle.root_generation


class GenerateRootAttempt(GenerateRootPath):
    """Start, watch or cancel the making of a root token."""

    pattern = "generate-root-token/attempt"
    otp: str = field("One-time password that the token comes masked with.", sensitive=True)
    pgp_key: str = field("OpenPGP public key to encrypt the token to.")

    async def read(self, system: System, request: Request) -> Response:
        """How far it has come."""
        return self.answer(await self.ceremony(system).status(request.tx, legacy=self.legacy))

    async def write(self, system: System, request: Request) -> Response:
        """Start it."""
        ceremony = self.ceremony(system)
        return self.answer(await ceremony.start(request.tx, self.otp, self.pgp_key, legacy=self.legacy))

    async def delete(self, system: System, request: Request) -> None:
        """Cancel it. Who has no token must name it by its nonce."""
        privileged = await self.privileged(request)
        self.ceremony(system).cancel(self.named(request), privileged=privileged)


class GenerateRootUpdate(GenerateRootPath, KeyStep):
    """Give a share; the last one brings the masked token."""

    pattern = "generate-root-token/update"
    wanted = ("nonce", "key")
    missing = "{} is required"

    async def write(self, system: System, request: Request) -> Response:
        """Take a share."""
        core: Core = system.core

        async def create_token() -> str:
            return core.lifecycle.root_token(request)

        step = await self.ceremony(system).update(
            request.tx, self.share(), self.nonce, create_token, legacy=self.legacy
        )
        return self.step(request, step)


class OldGenerateRoot(GenerateRootAttempt):
    """Older path of generate-root-token/attempt."""

    pattern = "generate-root/attempt"
    legacy = root_protected = True


class OldestGenerateRoot(GenerateRootAttempt):
    """Oldest path of generate-root-token/attempt."""

    pattern = "generate-root"
    legacy = root_protected = True


class OldGenerateRootUpdate(GenerateRootUpdate):
    """Older path of generate-root-token/update."""

    pattern = "generate-root/update"
    legacy = root_protected = True


class DecodeToken(Path):
    """Unmask a token that a root generation gave out."""

    pattern = "decode-token"
    unauthenticated = True
    encoded_token: str = field("The masked token.", sensitive=True)
    otp: str = field("The one-time password.", sensitive=True)

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """The token."""
        return {"token": decode_token(self.encoded_token, self.otp)}


PATHS: tuple[type[Path], ...] = (
    RotateRoot,
    RotateRootInit,
    RotateRootUpdate,
    RotateRootVerify,
    RotateRootBackup,
    RotateRecoveryInit,
    RotateRecoveryUpdate,
    RotateRecoveryVerify,
    RotateRecoveryBackup,
    OldRekeyInit,
    OldRekeyUpdate,
    OldRekeyVerify,
    OldRekeyBackup,
    OldRecoveryBackup,
    OldRecoveryInit,
    OldRecoveryUpdate,
    OldRecoveryVerify,
    GenerateRootAttempt,
    GenerateRootUpdate,
    OldGenerateRoot,
    OldestGenerateRoot,
    OldGenerateRootUpdate,
    DecodeToken,
)
