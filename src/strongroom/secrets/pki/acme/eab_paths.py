"""The paths of external account keys: made for somebody, listed, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki.acme import directory, eab
from strongroom.secrets.pki.acme.endpoint import below

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki


class NewEab(Path):
    """Keys with which somebody may make an account at this directory."""

    pattern = "acme/new-eab"
    issuer_ref: str = ""
    role: str = ""

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Make a key, for who is to have the account. It is good for one, and shown this once."""
        binding = eab.create(request, directory.path_of(self.issuer_ref, self.role))
        return {"id": binding.id, "key": binding.key, **binding.public}


class Eabs(Path):
    """The external account keys that no account was made with yet."""

    pattern = "eab/?"
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many IDs.", query=True)

    async def list(self, pki: Pki, request: Request) -> dict[str, Any] | None:
        """IDs of the keys, with their directories; never the keys themselves."""
        rows = eab.bindings(request)
        found = {name: await rows.get(name) for name in await rows.list("", self.after, self.limit)}
        info = {name: binding.public for name, binding in found.items() if binding is not None}
        return {"keys": list(info), "key_info": info} if info else None


class EabPath(Path):
    """An external account key."""

    pattern = "eab/{key_id}"
    key_id: str = field("ID of the key.")

    async def delete(self, pki: Pki, request: Request) -> Response:
        """Take the key back; accounts that were made with one stay."""
        rows = eab.bindings(request)
        if await rows.get(self.key_id) is None:
            return Response(warnings=[f"No key id found with id: {self.key_id}"])
        rows.delete(self.key_id)
        return Response(status=200)


PATHS: tuple[type[Path], ...] = (*below(NewEab), Eabs, EabPath)
