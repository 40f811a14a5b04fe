"""One-time passwords against the vectors of RFC 4226 and RFC 6238."""

from __future__ import annotations

import pytest

from strongroom.crypto.totp import code, matching

# RFC 4226, appendix D
HOTP = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")
KEY = b"12345678901234567890"
# RFC 6238, appendix B: time, SHA1, SHA256, SHA512
TOTP = (
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
)


def test_the_codes_of_the_first_steps() -> None:
    assert tuple(code(KEY, step, 6, "SHA1") for step in range(10)) == HOTP


@pytest.mark.parametrize("vector", TOTP)
def test_the_codes_of_times(vector: tuple[int, str, str, str]) -> None:
    now, *codes = vector
    for length, algorithm, wanted in zip((20, 32, 64), ("SHA1", "SHA256", "SHA512"), codes, strict=True):
        key = (KEY * 4)[:length]
        assert code(key, now // 30, 8, algorithm) == wanted
        assert matching(key, wanted, range(now // 30 - 1, now // 30 + 2), 8, algorithm) == now // 30


@pytest.mark.parametrize(
    "spelling", (" 755224", "755224 ", "755 224", "+755224", "0755224", "75522", "７55224", "755224\n", "")
)
def test_a_code_has_one_spelling(spelling: str) -> None:
    assert matching(KEY, "755224", range(3), 6, "SHA1") == 0
    assert matching(KEY, spelling, range(3), 6, "SHA1") is None
    assert matching(KEY, "969429", range(3), 6, "SHA1") is None
