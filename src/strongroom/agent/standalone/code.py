"""The exit codes that scripts around consul-template know."""

from __future__ import annotations

OK = 0
ERROR = 11
INTERRUPT = 12
FLAGS = 13
RUNNER = 14
CONFIG = 15
