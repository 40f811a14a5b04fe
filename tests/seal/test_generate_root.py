from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.errors import BadRequest
from strongroom.seal import generate_root
from strongroom.seal.generate_root import RootGeneration, decode_token, encode_token

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=28, max_size=28)


@settings(deadline=None)
@given(token=TEXT, otp=TEXT)
def test_tokens_come_back(token: str, otp: str) -> None:
    encoded = encode_token(token, otp)
    assert "=" not in encoded
    assert decode_token(encoded, otp) == token


def test_a_token_that_the_peer_encoded() -> None:
    encoded, otp = "HmMmP2I3BA40FRAbTSoBJxUGLS1HPSARMAQ", "mMRwPXGvvvrW4c1wAiufvkGPrS"
    assert decode_token(encoded, otp) == "s.tH2oCxBcbLyI0PToXK1VgABW"
    assert encode_token("s.tH2oCxBcbLyI0PToXK1VgABW", otp) == encoded


@pytest.mark.parametrize(
    ("encoded", "otp", "words"),
    (
        ("", "", "provided 'encoded_token' or 'otp' is empty"),
        ("zz", "", "provided 'encoded_token' or 'otp' is empty"),
        ("zz", "a" * 26, "error xoring token: length of byte slices is not equivalent: 1 != 26"),
        ("!!", "aaa", "error decoding base64'd token: illegal base64 data"),
        ("é", "aaa", "error decoding base64'd token: illegal base64 data"),
        ("gA", "a", "the OTP does not belong to this token"),
    ),
)
def test_what_does_not_decode(encoded: str, otp: str, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_token(encoded, otp)
    assert caught.value.public == words


@pytest.mark.parametrize("otp", ("short", "a" * 27, "a" * 29, "é" * 27))
def test_a_password_of_another_length_is_refused(otp: str) -> None:
    with pytest.raises(BadRequest, match="OTP string has incorrect length"):
        RootGeneration.start(1, otp)


def test_answers_have_the_wire_s_keys() -> None:
    assert generate_root.idle(3) == {
        "complete": False,
        "otp": "",
        "otp_length": 28,
        "progress": 0,
        "required": 3,
        "started": False,
    }
    attempt = {"complete", "nonce", "otp", "otp_length", "pgp_fingerprint", "progress", "required", "started"}
    state = RootGeneration.start(3)
    assert set(state.status(show_otp=True)) == attempt
    assert len(state.status(show_otp=True)["otp"]) == 28
    legacy = attempt | {"encoded_token", "encoded_root_token"}
    assert set(state.status(legacy=True)) == set(generate_root.idle(3, legacy=True)) == legacy
    update = attempt - {"otp", "otp_length"} | {"encoded_token"}
    assert set(state.progress()) == update
    assert set(state.progress("x", legacy=True)) == legacy
    assert state.progress("x", legacy=True)["encoded_root_token"] == "x"


def test_the_password_does_not_show() -> None:
    state = RootGeneration.start(3)
    assert state.otp not in repr(state)
