"""The second phase of a login: the second factor for one that waits.

Source: the ``sys/mfa`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import login
from strongroom.errors import BadRequest
from strongroom.framework.field import Mapped, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System


class Validate(Path):
    """Bring the second factor of a login, and get its token."""

    pattern = "mfa/validate"
    unauthenticated = True
    mfa_request_id: str = field("ID that the login gave.")
    mfa_payload: Mapped = field(
        "Under the ID or the name of each method a list with the passcode in it.", sensitive=True
    )

    async def write(self, system: System, request: Request) -> Response:
        """The token of the login, once one method of each enforcement is passed. A code serves once."""
        if not self.mfa_request_id:
            raise BadRequest("missing request ID")
        return await login.go_on(system.core, request, self.mfa_request_id, self.mfa_payload)


PATHS: tuple[type[Path], ...] = (Validate,)
