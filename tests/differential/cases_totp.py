"""TOTP: keys of both kinds, what is refused and how, and codes that count once."""

from __future__ import annotations

from typing import Any

from tests.differential.case import Step, case, delete, get, list_, mount, post, put

_NEW = {"generate": True, "issuer": "Iss uer", "account_name": "me"}
_SECRET = "HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ"


def _generate(name: str, **fields: Any) -> Step:
    kept = {f"{name}_url": "data.url", f"{name}_png": "data.barcode"}
    return post(f"<m>/keys/{name}", {**_NEW, **fields}, keep=kept)


def _address(text: str, **fields: Any) -> tuple[Step, Step]:
    return post("<m>/keys/u", {"url": text, **fields}), get("<m>/keys/u")


_LABELS = ("Vault:test@gm", "V", "", "V:W:X", "%20V:%20W", "Vault%20x:te%3Ast")

CASES = (
    case(
        "totp keys",
        mount("totp"),
        list_("<m>/keys"),
        get("<m>/keys/none"),
        delete("<m>/keys/none"),
        _generate("a"),
        _generate("b", digits=8, algorithm="SHA512", period="1m30s", skew=0, key_size=64),
        post("<m>/keys/c", {**_NEW, "qr_size": 0}, keep={"c": "data.url"}),
        post("<m>/keys/d", {**_NEW, "exported": False}),
        put("<m>/keys/e.f@g-h", {"key": _SECRET, "issuer": "I", "account_name": "a", "unknown": 5}),
        *(get(f"<m>/keys/{name}") for name in ("a", "b", "c", "d", "e.f@g-h")),
        list_("<m>/keys"),
        list_("<m>/keys/"),
        list_("<m>/keys?after=b&limit=1"),
        delete("<m>/keys/b"),
        get("<m>/keys/b"),
        get("<m>/keys"),
        get("<m>/code"),
        delete("<m>/code/a"),
        get("<m>/nothing"),
    ),
    case(
        "totp keys that are none",
        mount("totp"),
        *(
            post("<m>/keys/x", fields)
            for fields in (
                {},
                {"generate": True},
                {"generate": True, "issuer": "x"},
                {"generate": True, "account_name": "x"},
                *(
                    {**_NEW, **flaw}
                    for flaw in (
                        {"digits": 7},
                        {"digits": "many"},
                        {"algorithm": "MD5"},
                        {"algorithm": "sha1"},
                        {"skew": 2},
                        {"skew": -1},
                        {"period": 0},
                        {"period": -1},
                        {"key_size": 0},
                        {"qr_size": -1},
                        {"key": _SECRET},
                        {"url": "otpauth://totp/x"},
                        {"key": _SECRET, "url": "otpauth://totp/x", "digits": 7},
                        {"digits": 7, "algorithm": "x", "skew": 5, "period": 0, "qr_size": -1, "key_size": 0},
                        {"algorithm": "x", "skew": 5, "period": 0, "qr_size": -1, "key_size": 0},
                        {"skew": 5, "period": 0, "qr_size": -1, "key_size": 0},
                        {"skew": 5, "qr_size": -1, "key_size": 0},
                        {"qr_size": -1, "key_size": 0},
                        {"key_size": 0, "account_name": ""},
                    )
                ),
                {"key": "!!!"},
                {"key": "aaaa aaaa"},
                {"key": "HXDMVJECJJWSRB3H==="},
                {"key": "!!!", "qr_size": -1},
                {"key": _SECRET.lower()},
                {"key": "AAAAAAA"},
            )
        ),
    ),
    case(
        "totp addresses",
        mount("totp"),
        *(step for label in _LABELS for step in _address(f"otpauth://totp/{label}?secret={_SECRET}")),
        _address(f"otpauth://totp/V:a?secret={_SECRET}&issuer=W&period=60&digits=8&algorithm=SHA256"),
        _address(f"otpauth://totp/V?secret={_SECRET}", account_name="zz", issuer="q", digits=8, key="AAAA"),
        *(
            post("<m>/keys/u", {"url": url})
            for url in (
                "otpauth://totp/V?issuer=x",
                f"otpauth://totp/V?secret={_SECRET}&period=x",
                f"otpauth://totp/V?secret={_SECRET}&period=-5",
                f"otpauth://totp/V?secret={_SECRET}&digits=8x",
                f"otpauth://totp/V?secret={_SECRET}&digits=0",
                f"otpauth://totp/V?secret={_SECRET}&algorithm=MD5",
                "otpauth://totp/V?secret=HXDM VJEC",
            )
        ),
        post("<m>/keys/u", {"url": "otpauth://totp/V?issuer=x", "key": _SECRET}),
        post("<m>/keys/u", {"url": "x", "key": _SECRET}),
        *(post("<m>/keys/u", {"key": _SECRET, "key_size": size}) for size in (0, -1, 1)),
    ),
    case(
        "totp codes",
        mount("totp"),
        get("<m>/code/none"),
        post("<m>/code/none", {"code": "1"}),
        post("<m>/code/none", {}),
        # Codes of both servers are of one key and one period, long enough not to end meanwhile.
        post("<m>/keys/k", {"key": _SECRET, "period": "9000h"}),
        get("<m>/code/k", keep={"code": "data.code"}, only=("data.period", "data.expire_time", "data.code")),
        post("<m>/code/k", {"code": " <code>"}),
        post("<m>/code/k", {"code": "<code> "}),
        post("<m>/code/k", {"code": "<code>"}),
        post("<m>/code/k", {"code": "<code>"}),
        post("<m>/code/k", {"code": "abcdef"}),
        *(post("<m>/code/k", {"code": code}) for code in ("", None, 5, "1", "12345٣", ["1"])),
        post("<m>/keys/k", {"key": _SECRET, "period": "9000h"}),
        post("<m>/code/k", {"code": "<code>"}),
        put("<m>/code/k", {"code": "<code>", "name": "other"}),
        get("<m>/code/k", only=("data.code", "warnings")),
        list_("<m>/code/k"),
    ),
)
