"""What a passcode does to a secret: accepted once, and only so many are tried."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from strongroom.crypto import totp
from strongroom.identity.mfa.method import Method
from strongroom.identity.mfa.secret import WRONG, TotpSecret, new
from strongroom.logical import SECOND

KEY = b"12345678901234567890"
NOW = 1_000_000 * 30


def code(step: int) -> str:
    return totp.code(KEY, step, 6, "SHA1")


def judge(secret: TotpSecret, passcode: str, seconds: float = NOW, most: int = 5) -> tuple[TotpSecret, str]:
    return secret.judge(passcode, int(seconds * SECOND), most)


def test_a_code_is_accepted_once_and_no_earlier_one_after_it() -> None:
    step = NOW // 30
    secret, flaw = judge(TotpSecret(KEY), code(step))
    assert not flaw
    for used in (code(step), code(step - 1), f" {code(step)}", f"{code(step)} "):
        assert judge(secret, used)[1] == WRONG
    secret, flaw = judge(secret, code(step + 1))
    assert not flaw
    assert judge(secret, code(step + 1), NOW + 30)[1] == WRONG


def test_how_far_off_a_device_may_be() -> None:
    step = NOW // 30
    for skew in (0, 1):
        accepted = [n for n in range(-3, 4) if not judge(TotpSecret(KEY, skew=skew), code(step + n))[1]]
        assert accepted == list(range(-skew, skew + 1))


def test_only_so_many_are_tried_in_a_period() -> None:
    secret = TotpSecret(KEY)
    for _ in range(5):
        secret, flaw = judge(secret, "000000")
        assert flaw == WRONG
    right = code(NOW // 30)
    secret, flaw = judge(secret, right, NOW + 10)
    assert "6 exceeded the allowed attempts 5" in flaw
    assert "again in 20s" in flaw
    later = NOW + 30
    secret, flaw = judge(secret, code(later // 30), later)
    assert not flaw
    assert (secret.attempts, secret.attempts_end) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-2, 2)), max_size=40))
def test_against_a_set_of_used_codes(steps: list[tuple[int, int]]) -> None:
    """No step is ever accepted twice, whatever is tried when."""
    secret, now, used = TotpSecret(KEY), NOW, set()
    for pause, offset in steps:
        now += pause
        step = now // 30 + offset
        secret, flaw = judge(secret, code(step), now, most=1_000)
        if not flaw:
            assert step not in used
            assert abs(offset) <= 1
            used.add(step)


def test_the_address_says_what_a_device_needs() -> None:
    secret = new(Method("m", issuer="a:b &c", digits=8, algorithm="SHA512", period=45, key_size=16))
    assert len(secret.key) == 16
    url = urlsplit(secret.url("a:b &c", "e-1"))
    assert (url.scheme, url.netloc, url.path) == ("otpauth", "totp", "/a%3Ab%20%26c:e-1")
    found = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert found["issuer"] == "a:b &c"
    assert (found["algorithm"], found["digits"], found["period"]) == ("SHA512", "8", "45")
    assert "=" not in found["secret"]
    assert str(secret.key) not in repr(secret)
