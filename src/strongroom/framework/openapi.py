"""The OpenAPI document, derived from the declarations of all mounted paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.framework.backend import Backend
from strongroom.framework.path import Path


def document(mounts: Mapping[str, Backend], only: type[Path] | None = None) -> dict[str, Any]:
    """OpenAPI 3 of the engines by mount prefix, or of one path."""
    return {"openapi": "3.0.2", "info": {}, "paths": {}}
