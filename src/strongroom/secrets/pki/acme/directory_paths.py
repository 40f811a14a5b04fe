"""The paths that are open to everybody: the directory, and nonces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from strongroom.logical import Request, Response
from strongroom.secrets.pki.acme import nonce
from strongroom.secrets.pki.acme.endpoint import JSON, Endpoint, everywhere
from strongroom.secrets.pki.acme.problem import Problem

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki


class DirectoryPath(Endpoint):
    """The directory: what an ACME client is configured with, and where it finds all else."""

    pattern = "acme/directory"
    reader_safe = True

    async def read(self, pki: Pki, request: Request) -> Response:
        """The addresses of the resources. Nothing is here until ACME is enabled."""
        try:
            directory = await self.directory(pki, request)
        except Problem as problem:
            return problem.response
        return Response(raw=orjson.dumps(directory.document()), content_type=JSON)


class NewNonce(Endpoint):
    """Nonces, of which every message needs one."""

    pattern = "acme/new-nonce"
    reader_safe = True
    answers_head = True
    statuses = (("read", 204, "The header Replay-Nonce has a nonce. A HEAD is answered 200."),)

    async def read(self, pki: Pki, request: Request) -> Response:
        """A nonce, good for one message within an hour."""
        try:
            directory = await self.directory(pki, request)
        except Problem as problem:
            return problem.response
        headers = [("Replay-Nonce", await nonce.fresh(request)), directory.index]
        if request.head:
            return Response(raw=b"", headers=headers)
        return Response(status=204, headers=headers)


PATHS = everywhere(DirectoryPath, NewNonce)
