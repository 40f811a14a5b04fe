"""What the configurations of all programs share: places, problems, and the readers of single values."""

from __future__ import annotations

from strongroom.setting.problem import BadValue, ConfigError, Place, Problem

__all__ = ["BadValue", "ConfigError", "Place", "Problem"]
