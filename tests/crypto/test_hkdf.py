from __future__ import annotations

import pytest

from strongroom.crypto.hkdf import derive


def test_known_answer() -> None:
    # SOURCE: RFC 5869, appendix A.3 (no salt, no info)
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert derive(b"\x0b" * 22, b"", 42).hex() == expected


def test_a_longer_derivation_begins_with_a_shorter_one() -> None:
    for length in range(1, 130):
        assert derive(b"key", b"context", 200)[:length] == derive(b"key", b"context", length)
    assert derive(b"key", b"context", 32) != derive(b"key", b"contexu", 32)


def test_its_end() -> None:
    assert len(derive(b"key", b"", 8160)) == 8160
    with pytest.raises(ValueError, match="255"):
        derive(b"key", b"", 8161)
