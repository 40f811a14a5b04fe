"""Moving to another seal: the keepers stay, and so do their shares.

What was the unseal key under Shamir becomes the recovery key under an auto-unseal seal, and the
other way round, so nobody has to be handed anything new.
"""

from __future__ import annotations

from dataclasses import replace

from strongroom.barrier.barrier import Barrier
from strongroom.barrier.view import Transaction
from strongroom.seal.config import CONFIG_PATH, RECOVERY_CONFIG_PATH, SealConfig
from strongroom.seal.seal import (
    RECOVERY_KEY_PATH,
    SHAMIR_KEY_PATH,
    SHAMIR_WRAP,
    add_wrap,
    authorise,
    keepers,
    set_recovery_key,
    set_shamir_key,
    shamir_sealer,
    unseal,
)
from strongroom.seal.wraps import WRAPS_PREFIX, Sealer


async def migrate(
    tx: Transaction, barrier: Barrier, key: bytes, old: Sealer | None, new: Sealer | None
) -> None:
    """Move from ``old`` to ``new`` (None is Shamir), authorised by the keepers' combined ``key``.

    Leaves ``barrier`` unlocked. Wraps of other names stay as they are. Raises what
    :func:`~strongroom.seal.seal.authorise` and :func:`~strongroom.seal.seal.unseal` raise.
    """
    await authorise(tx, key, old)
    if barrier.sealed:
        await unseal(tx, barrier, old or shamir_sealer(key))
    shared = await keepers(tx)
    if old is None:
        tx.delete(WRAPS_PREFIX + SHAMIR_WRAP)
        tx.delete(SHAMIR_KEY_PATH)
    else:
        tx.delete(WRAPS_PREFIX + old.type)
        tx.delete(RECOVERY_KEY_PATH)
        tx.delete(RECOVERY_CONFIG_PATH)
    if new is None:
        await set_shamir_key(tx, barrier, key)
        tx.put(CONFIG_PATH, replace(shared, type=SHAMIR_WRAP).dump())
    else:
        await add_wrap(tx, barrier, new.type, new)
        await set_recovery_key(tx, new, key, shared)
        tx.put(CONFIG_PATH, SealConfig(new.type).dump())
