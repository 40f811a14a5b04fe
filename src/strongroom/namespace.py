"""Namespaces: every request lives in one. Only root exists so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.errors import NotFound
from strongroom.logical import ROOT, Request

if TYPE_CHECKING:
    from strongroom.core import Core


def enter(core: Core, request: Request) -> None:
    """Stage: find the namespace a request names, by header or by path.

    Every spelling of root (empty, ``/``, ``root``) is root itself, never a parent of it.
    """
    name = request.received.get("x-vault-namespace", "")
    if name and name.strip("/") not in {"", "root"}:
        raise NotFound("namespace not found")
    request.namespace = ROOT
