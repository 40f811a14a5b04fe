"""Initialising, unsealing, sealing, and what can be asked about that from outside.

Source: the ``sys/init``, ``sys/unseal``, ``sys/seal``, ``sys/health``, ``sys/leader`` and
``sys/key-status`` parts of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from strongroom import __version__, codec
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, StringList, field
from strongroom.framework.path import UNAVAILABLE, UNSEALABLE, Path
from strongroom.hcl.duration import format_go
from strongroom.logical import SECOND, Request, Response
from strongroom.seal import pgp
from strongroom.seal.quorum import decode_key
from strongroom.seal.seal import InitRequest

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.sys.system import System

API_LEVEL = "1.20.0"
MAX_OPERATIONS = 3_865_470_566
"""What one AES-GCM key may encrypt at most with random nonces (NIST SP 800-38D, with room)."""
VERSION = f"{API_LEVEL}+strongroom.{__version__}"
"""What clients see: the API level they gate features on, ours as build metadata."""


class Strict(Path):
    """A path that takes each field in its own JSON type only, as clients of the oldest paths expect."""

    @classmethod
    def bind(cls, captures: Mapping[str, str | None], data: Mapping[str, Any]) -> Self:
        """The path with its fields filled. Raises NotJSON for a value of another type."""
        for name, value in data.items():
            known = cls.fields.get(name)
            if known is None or value is None:
                continue
            if type(value) is not type(getattr(cls, known.attribute)):
                raise codec.NotJSON(f"failed to decode JSON input: {name} has another type")
        return super().bind(captures, data)


class Init(Strict):
    """Whether the server is initialised; and its initialisation, once in its life."""

    pattern = "init"
    root_namespace_only = UNAVAILABLE
    unauthenticated = True
    while_sealed = True
    secret_shares: int = field("Into how many shares to split the unseal key.")
    secret_threshold: int = field("How many shares unseal.")
    pgp_keys: StringList = field("One OpenPGP public key a share, base64, to encrypt it to.")
    root_token_pgp_key: str = field("OpenPGP public key to encrypt the root token to.")
    recovery_shares: int = field("With an auto-unseal seal: shares of the recovery key.")
    recovery_threshold: int = field("With an auto-unseal seal: how many recovery shares authorise.")
    recovery_pgp_keys: StringList = field("One OpenPGP public key a recovery share.")
    stored_shares: int = field("Not used any more.", deprecated=True)

    async def read(self, system: System, request: Request) -> Response:
        """Whether the server is initialised."""
        config = await system.core.lifecycle.config()
        return Response(raw=codec.encode({"initialized": config is not None}) + b"\n")

    async def write(self, system: System, request: Request) -> Response:
        """Make the keys, and give out the shares and the root token."""
        if self.root_token_pgp_key:
            pgp.encrypt(self.root_token_pgp_key, b"")  # a bad key must not cost the only root token
        result, token = await system.core.lifecycle.initialize(
            InitRequest(
                self.secret_shares,
                self.secret_threshold,
                tuple(self.pgp_keys),
                self.recovery_shares,
                self.recovery_threshold,
                tuple(self.recovery_pgp_keys),
            )
        )
        if self.root_token_pgp_key:
            token = b64encode(pgp.encrypt(self.root_token_pgp_key, token.encode())).decode()
        body: dict[str, Any] = {"keys": result.keys.keys, "keys_base64": result.keys.keys_base64}
        if result.recovery is not None:
            body["recovery_keys"] = result.recovery.keys
            body["recovery_keys_base64"] = result.recovery.keys_base64
        body["root_token"] = token
        return Response(raw=codec.encode(body) + b"\n")


async def seal_status(core: Core) -> dict[str, Any]:
    """The answer of ``sys/seal-status`` and of every unseal step."""
    life = core.lifecycle
    config = await life.keepers()
    sealed = core.barrier.sealed
    body: dict[str, Any] = {
        "type": life.sealer.type if life.sealer else "shamir",
        "initialized": config is not None,
        "sealed": sealed,
        "t": config.threshold if config else 0,
        "n": config.shares if config else 0,
        "progress": life.progress.progress if sealed else 0,
        "nonce": life.progress.nonce if sealed else "",
        "recovery_seal": life.sealer is not None,
        **({"recovery_seal_type": "shamir"} if life.sealer is not None else {}),
        "version": VERSION,
        "build_date": core.build_date,
        "commit_date": core.build_date,
        "migration": await life.migration() is not None,
    }
    if not sealed:
        body["cluster_name"] = life.cluster_name
        body["cluster_id"] = life.cluster_id
    body["storage_type"] = core.config.storage.type if core.config.storage else ""
    return body


class SealStatus(Path):
    """Whether the server is sealed, and how far an unseal has come."""

    pattern = "seal-status"
    unauthenticated = True
    while_sealed = True

    async def read(self, system: System, request: Request) -> Response:
        """Seal type, shares, threshold, progress, version."""
        return Response(raw=codec.encode(await seal_status(system.core)) + b"\n")


class Unseal(Strict):
    """Give one share of the unseal key."""

    pattern = "unseal"
    root_namespace_only = UNAVAILABLE
    unauthenticated = True
    while_sealed = True
    key: str = field("A share, in hex or base64.", sensitive=True)
    reset: bool = field("Forget the shares given so far.")
    migrate: bool = field("Move to another seal with this unseal.")

    async def write(self, system: System, request: Request) -> Response:
        """Take a share, or start over."""
        life = system.core.lifecycle
        if self.reset:
            if not system.core.barrier.sealed:
                raise BadRequest("vault is unsealed")
            life.progress.reset()
        elif not self.key:
            raise BadRequest("'key' must be specified in request body as JSON, or 'reset' set to true")
        else:
            await life.submit(decode_key(self.key), migrate=self.migrate)
        return Response(raw=codec.encode(await seal_status(system.core)) + b"\n")


class Seal(Path):
    """Seal the server: its keys leave memory. Needs update on the path, as sudo."""

    pattern = "seal"
    root_namespace_only = UNAVAILABLE
    root_protected = True

    async def write(self, system: System, request: Request) -> None:
        """Seal the server: whoever has the answer finds it sealed."""
        await system.core.followers.sealed()
        request.on_commit.append(system.core.lifecycle.close)


class StepDown(Path):
    """Give up being the active node. Alone, a node stays active."""

    pattern = "step-down"
    root_namespace_only = UNAVAILABLE
    root_protected = True

    async def write(self, system: System, request: Request) -> None:
        """Step down."""


class Health(Path):
    """Whether this node is initialised, unsealed and active, as a status code for load balancers."""

    pattern = "health"
    root_namespace_only = UNAVAILABLE
    reader_safe = True
    unauthenticated = True
    while_sealed = True
    statuses = (
        ("read", 200, "initialised, unsealed and active"),
        ("read", 429, "standby"),
        ("read", 501, "not initialised"),
        ("read", 503, "sealed"),
    )
    standbyok: bool = field("Answer for a standby as for the active node.", query=True)
    perfstandbyok: bool = field("Answer for a performance standby as for the active node.", query=True)
    activecode: int = field("Status code when active.", default=200, query=True)
    standbycode: int = field("Status code when standby.", default=429, query=True)
    sealedcode: int = field("Status code when sealed.", default=503, query=True)
    uninitcode: int = field("Status code when not initialised.", default=501, query=True)
    drsecondarycode: int = field("Accepted for older callers.", default=472, query=True)
    performancestandbycode: int = field("Accepted for older callers.", default=473, query=True)
    removedcode: int = field("Accepted for older callers.", default=530, query=True)
    haunhealthycode: int = field("Accepted for older callers.", default=474, query=True)

    async def read(self, system: System, request: Request) -> Response:
        """Health of the node."""
        core = system.core
        for code in (self.activecode, self.sealedcode, self.uninitcode):
            if not 100 <= code <= 599:
                raise BadRequest("status codes lie between 100 and 599")
        if not core.barrier.sealed:
            return Response(raw=core.health(request.now), status=self.activecode)
        initialized = await core.lifecycle.config() is not None
        status = self.sealedcode if initialized else self.uninitcode
        return Response(
            raw=codec.encode(health_body(core, request.now, initialized=initialized)), status=status
        )


def health_body(core: Core, now: int, *, initialized: bool) -> dict[str, Any]:
    """What health says, sealed or not."""
    sealed = core.barrier.sealed
    body: dict[str, Any] = {
        "initialized": initialized,
        "sealed": sealed,
        "standby": sealed,
        "performance_standby": False,
        "replication_performance_mode": "unknown" if sealed else "disabled",
        "replication_dr_mode": "unknown" if sealed else "disabled",
        "server_time_utc": now // 1_000_000_000,
        "version": VERSION,
        "enterprise": False,
    }
    if not sealed:
        body["cluster_name"] = core.lifecycle.cluster_name
        body["cluster_id"] = core.lifecycle.cluster_id
    return body


class Leader(Path):
    """Which node is active."""

    pattern = "leader"
    unauthenticated = True
    while_sealed = True

    async def read(self, system: System, request: Request) -> Response:
        """The active node, as this one sees it."""
        return Response(raw=codec.encode({"ha_enabled": False}) + b"\n")


class HAStatus(Path):
    """The nodes that are up."""

    pattern = "ha-status"

    async def read(self, system: System, request: Request) -> Response:
        """Every node, and which of them is active."""
        core = system.core
        node = {
            "hostname": core.hostname,
            "api_address": core.api_address,
            "cluster_address": core.config.cluster_addr,
            "active_node": True,
            "last_echo": None,
            "version": VERSION,
        }
        return Response(data={"nodes": [node]}, flat=True)


class KeyStatus(Path):
    """The key that encrypts new entries."""

    pattern = "key-status"
    root_namespace_only = UNSEALABLE

    async def read(self, system: System, request: Request) -> Response:
        """Term, age and use of the active key."""
        return Response(data=system.core.barrier.status(), flat=True)


class Rotate(Path):
    """Retire the key that encrypts new entries and take a new one."""

    pattern = "rotate"
    root_namespace_only = UNSEALABLE
    root_protected = True

    async def write(self, system: System, request: Request) -> None:
        """Install a new key; old entries stay readable."""
        await system.core.rotate_keyring(request)


class RotateKeyring(Rotate):
    """Retire the key that encrypts new entries and take a new one."""

    pattern = "rotate/keyring"


class RotateConfig(Path):
    """When the key that encrypts new entries retires by itself."""

    pattern = "rotate/config"
    root_namespace_only = UNSEALABLE
    max_operations: int = field("Encryptions after which the key is replaced.")
    interval: Duration = field("Time after which the key is replaced; 0 is never.")
    enabled: bool = field("Whether keys are replaced without being asked.", default=True)

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The settings in force."""
        rotation = system.core.barrier.rotation
        return {
            "enabled": rotation.enabled,
            "interval": format_go(rotation.interval * SECOND) if rotation.interval else 0,
            "max_operations": rotation.max_operations,
        }

    async def write(self, system: System, request: Request) -> None:
        """Change what is given."""
        if "interval" in self.given and 0 < self.interval < 24 * 3600:
            raise BadRequest("interval must be greater or equal to 24h0m0s")
        if "max_operations" in self.given and not 1_000_000 <= self.max_operations <= MAX_OPERATIONS:
            raise BadRequest(f"max_operations must lie between 1000000 and {MAX_OPERATIONS}")
        changes = {name: getattr(self, name) for name in self.given}
        await system.core.tune_rotation(request, changes)


class RotateKeyringConfig(RotateConfig):
    """When the key that encrypts new entries retires by itself."""

    pattern = "rotate/keyring/config"


PATHS: tuple[type[Path], ...] = (
    Init,
    SealStatus,
    Unseal,
    Seal,
    StepDown,
    Health,
    Leader,
    HAStatus,
    KeyStatus,
    Rotate,
    RotateKeyring,
    RotateConfig,
    RotateKeyringConfig,
)
