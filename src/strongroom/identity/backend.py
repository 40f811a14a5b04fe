"""Identity: who is behind the tokens. Its paths come with the auth methods."""

from __future__ import annotations

from typing import ClassVar

from strongroom.framework.backend import Backend


class Identity(Backend):
    """Entities, their aliases and groups."""

    type: ClassVar[str] = "identity"
