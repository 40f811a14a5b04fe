"""All paths of ACME, and what its wakes are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.framework.path import Path
from strongroom.secrets.pki.acme import (
    account_paths,
    authorization_paths,
    config,
    directory_paths,
    eab_paths,
    nonce,
    order_paths,
    revocation_paths,
    validations,
)

if TYPE_CHECKING:
    from strongroom.logical import Request
    from strongroom.secrets.pki.engine import Pki

PATHS: tuple[type[Path], ...] = (
    config.ConfigAcme,
    *directory_paths.PATHS,
    *account_paths.PATHS,
    *order_paths.PATHS,
    *authorization_paths.PATHS,
    *revocation_paths.PATHS,
    *eab_paths.PATHS,
)


async def wake(pki: Pki, request: Request, reference: str) -> bool:
    """Do what ACME asked to be woken for; whether it was ACME that asked."""
    if reference.startswith(nonce.WAKE):
        nonce.clear(request, reference.removeprefix(nonce.WAKE))
    elif reference.startswith(order_paths.WAKE):
        await order_paths.ended(request, reference.removeprefix(order_paths.WAKE))
    elif reference.startswith(validations.WAKE):
        await pki.validations.wake(request, reference.removeprefix(validations.WAKE))
    else:
        return False
    return True
