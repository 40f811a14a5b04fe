"""Initialising, unsealing, and changing the keys that guard the barrier.

The functions write through the request's transaction. Where they give a keyring back, the caller
lets the barrier adopt it after the commit, never before.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.barrier.barrier import Barrier
from strongroom.barrier.keyring import KEYRING_PATH, Keyring, Unreadable
from strongroom.barrier.view import Transaction
from strongroom.crypto.aead import Unopenable, new_key
from strongroom.errors import BadRequest, Conflict, Internal, Uninitialized
from strongroom.seal.config import CONFIG_PATH, RECOVERY_CONFIG_PATH, SealConfig
from strongroom.seal.shares import Shares, check, issue
from strongroom.seal.wraps import WRAPS_PREFIX, Sealer, ShamirKey, Wrap

SHAMIR_WRAP = "shamir"
SHAMIR_KEY_PATH = "core/shamir-kek"
"""The Shamir key, behind the barrier: it lets the root key change without the shares' keepers."""

RECOVERY_KEY_PATH = "core/recovery-key"

KEYRING_DOMAIN = "keyring"
"""The cache domain that every change of the keyring touches: other processes have to follow."""


class WrongKey(BadRequest):
    """The key that was given, or that the shares combine to, is not the one."""


@dataclass(frozen=True, slots=True)
class InitRequest:
    """What sys/init is asked for. ``secret_*`` is for Shamir, ``recovery_*`` for any other seal."""

    secret_shares: int = 0
    secret_threshold: int = 0
    pgp_keys: tuple[str, ...] = ()
    recovery_shares: int = 0
    recovery_threshold: int = 0
    recovery_pgp_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InitResult:
    """What the keepers get. Under Shamir ``keys`` unseal; else ``recovery`` authorise ceremonies."""

    keys: Shares
    recovery: Shares | None = None


async def config(tx: Transaction, path: str = CONFIG_PATH) -> SealConfig | None:
    """The stored seal (or recovery) configuration; None before initialisation."""
    row = await tx.get(path)
    try:
        return None if row is None else SealConfig.load(row)
    except (ValueError, KeyError, TypeError) as error:
        raise Internal(cause=f"{path} is damaged: {error}") from None


async def require_config(tx: Transaction, path: str = CONFIG_PATH) -> SealConfig:
    """The stored configuration; raises Uninitialized."""
    found = await config(tx, path)
    if found is None:
        raise Uninitialized("Vault is not initialized")
    return found


async def keepers(tx: Transaction) -> SealConfig:
    """Whose shares authorise ceremonies: the unseal key's under Shamir, else the recovery key's."""
    main = await require_config(tx)
    return main if main.type == SHAMIR_WRAP else await require_config(tx, RECOVERY_CONFIG_PATH)


async def main_sealer(tx: Transaction, sealers: Mapping[str, Sealer]) -> Sealer | None:
    """The seal that the server was initialised with; None for Shamir. Raises Internal if it is missing."""
    kind = (await require_config(tx)).type
    if kind == SHAMIR_WRAP:
        return None
    for sealer in sealers.values():
        if sealer.type == kind:
            return sealer
    raise Internal(cause=f"the seal {kind!r} that the server was initialised with is not configured")


async def initialize(
    tx: Transaction, barrier: Barrier, request: InitRequest, now: int, sealer: Sealer | None = None
) -> InitResult:
    """Make the keyring and the first wrap, and leave ``barrier`` unlocked for the first entries.

    ``sealer`` is the auto-unseal seal, or None for Shamir. ``now`` is in nanoseconds since the epoch.
    The caller locks the barrier again where shares must unseal it, or if the commit fails. Raises
    BadRequest for numbers that make no sense and when the server is initialised already.
    """
    if await tx.get(CONFIG_PATH) is not None:
        raise BadRequest("Vault is already initialized")
    _applicable(request, sealer)
    root_key = new_key()
    if sealer is None:
        chosen = SealConfig(SHAMIR_WRAP, request.secret_shares, request.secret_threshold, request.pgp_keys)
        check(chosen, "seal configuration")
    else:
        chosen = SealConfig(sealer.type)
        recovery = SealConfig(
            SHAMIR_WRAP, request.recovery_shares, request.recovery_threshold, request.recovery_pgp_keys
        )
        check(recovery, "recovery configuration")
    ring = Keyring.create(root_key, now)
    barrier.adopt(ring)
    await stage_keyring(tx, ring)
    tx.put(CONFIG_PATH, chosen.dump())
    if sealer is None:
        key = new_key()
        await set_shamir_key(tx, barrier, key)
        return InitResult(issue(key, chosen))
    await add_wrap(tx, barrier, sealer.type, sealer)
    key = new_key()
    await set_recovery_key(tx, sealer, key, recovery)
    return InitResult(Shares(), issue(key, recovery))


def _applicable(request: InitRequest, sealer: Sealer | None) -> None:
    given: dict[str, object] = {
        "recovery_shares": request.recovery_shares,
        "recovery_threshold": request.recovery_threshold,
        "recovery_pgp_keys": request.recovery_pgp_keys,
    }
    if sealer is not None:
        given = {
            "secret_shares": request.secret_shares,
            "secret_threshold": request.secret_threshold,
            "pgp_keys": request.pgp_keys,
        }
    names = ",".join(name for name, value in given.items() if value)
    if names:
        kind = sealer.type if sealer else SHAMIR_WRAP
        raise BadRequest(f"parameters {names} not applicable to seal type {kind}")


async def unseal(tx: Transaction, barrier: Barrier, sealer: Sealer) -> None:
    """Unlock ``barrier`` through whichever wrap ``sealer`` opens.

    Raises Uninitialized, :class:`WrongKey`, or Internal when the rows do not belong together.
    """
    keyring = await tx.get(KEYRING_PATH)
    if keyring is None:
        raise Uninitialized("Vault is not initialized")
    barrier.unlock(await root_key(tx, sealer), keyring)


async def root_key(tx: Transaction, sealer: Sealer) -> bytes:
    """The root key, from the first wrap that ``sealer`` opens; raises :class:`WrongKey`."""
    for wrap in await wraps(tx):
        try:
            return await wrap.open(sealer)
        except Unopenable:
            continue
    raise WrongKey("invalid key: it does not open the root key")


async def authorise(tx: Transaction, key: bytes, sealer: Sealer | None) -> None:
    """Check the key that a ceremony's shares combined to.

    Under Shamir (``sealer`` None) that is the unseal key, else the recovery key. Raises
    :class:`WrongKey`.
    """
    if sealer is None:
        await root_key(tx, shamir_sealer(key))
    elif not hmac.compare_digest(await recovery_key(tx, sealer), key):
        raise WrongKey("recovery key does not match submitted values")


def shamir_sealer(key: bytes) -> ShamirKey:
    """The sealer of a combined key; raises :class:`WrongKey` when its length is wrong already."""
    try:
        return ShamirKey(key)
    except Unopenable:
        raise WrongKey("invalid key: it does not open the root key") from None


async def wraps(tx: Transaction) -> list[Wrap]:
    """All wraps of the root key, by name."""
    found = []
    for name in await tx.list(WRAPS_PREFIX):
        path = WRAPS_PREFIX + name
        row = await tx.get(path)
        try:
            found.append(Wrap.load(path, row or b""))
        except (ValueError, KeyError, TypeError) as error:
            raise Internal(cause=f"the wrap at {path} is damaged: {error}") from None
    return found


async def add_wrap(tx: Transaction, barrier: Barrier, name: str, sealer: Sealer) -> None:
    """One more way to unseal, or another key for an existing one. Raises Sealed."""
    path = WRAPS_PREFIX + name
    tx.put(path, (await Wrap.make(path, sealer, barrier.ring.root_key)).dump())


async def refresh_wraps(tx: Transaction, barrier: Barrier, name: str, sealer: Sealer) -> bool:
    """Wrap again, root key and recovery key, if ``sealer`` has moved on to another key.

    For after an unseal, so that a retired key can really be retired. Says whether anything changed.
    """
    path = WRAPS_PREFIX + name
    row = await tx.get(path)
    fresh = await Wrap.make(path, sealer, barrier.ring.root_key)
    if row is None or Wrap.load(path, row).key_id == fresh.key_id:
        return False
    tx.put(path, fresh.dump())
    if await tx.get(RECOVERY_KEY_PATH) is not None:
        kept = await recovery_key(tx, sealer)
        tx.put(RECOVERY_KEY_PATH, (await Wrap.make(RECOVERY_KEY_PATH, sealer, kept)).dump())
    return True


async def remove_wrap(tx: Transaction, name: str) -> None:
    """One way less; raises BadRequest for the last one, without which nothing ever opens again."""
    names = await tx.list(WRAPS_PREFIX)
    if name not in names:
        raise BadRequest(f"no wrap named {name!r}")
    if len(names) == 1:
        raise BadRequest("the last wrap of the root key cannot be removed")
    tx.delete(WRAPS_PREFIX + name)


async def set_shamir_key(tx: Transaction, barrier: Barrier, key: bytes | bytearray) -> None:
    """Wrap the root key with a Shamir key, and keep that key behind the barrier."""
    await add_wrap(tx, barrier, SHAMIR_WRAP, ShamirKey(key))
    tx.put(SHAMIR_KEY_PATH, barrier.encrypt(SHAMIR_KEY_PATH, bytes(key)))


async def set_recovery_key(
    tx: Transaction, sealer: Sealer, key: bytes | bytearray, chosen: SealConfig
) -> None:
    """Store the recovery key, encrypted by the seal. It authorises; it decrypts nothing."""
    tx.put(RECOVERY_KEY_PATH, (await Wrap.make(RECOVERY_KEY_PATH, sealer, key)).dump())
    tx.put(RECOVERY_CONFIG_PATH, chosen.dump())


async def recovery_key(tx: Transaction, sealer: Sealer) -> bytes:
    """The recovery key; raises Internal when there is none or the seal does not open it."""
    row = await tx.get(RECOVERY_KEY_PATH)
    if row is None:
        raise Internal(cause="there is no recovery key")
    try:
        return await Wrap.load(RECOVERY_KEY_PATH, row).open(sealer)
    except (Unopenable, ValueError, KeyError, TypeError):
        raise Internal(cause="the seal does not open the recovery key") from None


async def rotate_root_key(tx: Transaction, barrier: Barrier, sealers: Mapping[str, Sealer]) -> Keyring:
    """A new root key under every wrap; the caller adopts the ring after the commit.

    ``sealers`` are the configured seals by wrap name; the Shamir key comes from behind the barrier.
    Raises BadRequest, and changes nothing, when a wrap's seal is not at hand.
    """
    current = await stored_keyring(tx, barrier)
    ring = current.rooted(new_key())
    for wrap in await wraps(tx):
        name = wrap.path.removeprefix(WRAPS_PREFIX)
        sealer = sealers.get(name) or await _stored_shamir_key(tx, barrier, wrap)
        tx.put(wrap.path, (await Wrap.make(wrap.path, sealer, ring.root_key)).dump())
    await stage_keyring(tx, ring, current.root_key)
    return ring


async def _stored_shamir_key(tx: Transaction, barrier: Barrier, wrap: Wrap) -> ShamirKey:
    row = await tx.get(SHAMIR_KEY_PATH)
    if wrap.type != ShamirKey.type or row is None:
        raise BadRequest(f"the seal of {wrap.path} is not configured: remove the wrap or configure it")
    return ShamirKey(barrier.decrypt(SHAMIR_KEY_PATH, row))


async def replace_shamir_key(
    tx: Transaction,
    barrier: Barrier,
    key: bytes | bytearray,
    chosen: SealConfig,
    sealers: Mapping[str, Sealer],
) -> Keyring:
    """The outcome of a rekey: new shares, a new root key; the caller adopts the ring afterwards."""
    await set_shamir_key(tx, barrier, key)
    tx.put(CONFIG_PATH, chosen.dump())
    return await rotate_root_key(tx, barrier, sealers)


async def stored_keyring(tx: Transaction, barrier: Barrier) -> Keyring:
    """The keyring as this transaction sees it: what a change must start from.

    Memory lags behind: a batch may be accepted, and its ring not yet adopted. Raises Sealed, or
    Conflict while a new root key is on its way (the request runs again).
    """
    row = await tx.get(KEYRING_PATH)
    known = barrier.ring
    try:
        stored = Keyring.open(known.root_key, row or b"")
    except Unreadable:
        raise Conflict("the keyring is being changed") from None
    return stored.counted(known.active.encryptions) if stored.active.term == known.active.term else stored


async def stage_keyring(tx: Transaction, ring: Keyring, root_key: bytes | bytearray | None = None) -> None:
    """Write the keyring's rows; ``root_key`` opens the stored one, if it is not the same.

    Raises Conflict rather than lose a term that ``ring`` does not know: what was encrypted in
    that term would never open again.
    """
    row = await tx.get(KEYRING_PATH)
    if row is not None:
        try:
            stored = Keyring.open(root_key or ring.root_key, row)
        except Unreadable:
            raise Conflict("the keyring is being changed") from None
        if (
            stored.active.term > ring.active.term
            or stored.active.value != ring.keys[len(stored.keys) - 1].value
        ):
            raise Conflict("the keyring is being changed")
    for path, sealed in ring.rows().items():
        tx.put(path, sealed)
    tx.touch(KEYRING_DOMAIN)
