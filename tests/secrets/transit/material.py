"""Keys for tests, made once: RSA takes too long to make one in each."""

from __future__ import annotations

import json
from pathlib import Path

_KEYS = json.loads((Path(__file__).parents[2] / "vectors" / "rsa_keys.json").read_text())
RSA_2048: bytes = _KEYS["2048"].encode()
RSA_4096: bytes = _KEYS["4096"].encode()
WEAK: dict[str, bytes] = {name: text.encode() for name, text in _KEYS["weak"].items()}
"""RSA keys that must be refused: a short one, and one with an exponent that makes each use slow."""
