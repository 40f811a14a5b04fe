"""Transit: signatures and codes."""

from __future__ import annotations

from tests.differential.case import Case, case, mount, post
from tests.differential.cases_transit import CTX, MADE, A, D, b64, restore, sign, signed, verify

_HASHES = (
    "none",
    "sha1",
    "sha2-224",
    "sha2-256",
    "sha2-384",
    "sha2-512",
    "sha3-224",
    "sha3-256",
    "sha3-384",
    "sha3-512",
    "odd",
)
PKCS = {"signature_algorithm": "pkcs1v15"}

CASES: tuple[Case, ...] = (
    case(
        "transit signatures",
        mount("transit"),
        *restore("ed", "edderived", "p256", "p384", "rsa", "aes128", "hmac"),
        sign("ed"),
        sign("ed", prehashed=True),
        sign("ed", marshaling_algorithm="jws"),
        *(sign("ed", f"/{name}") for name in ("none", "sha1", "odd")),
        *(sign("rsa", f"/{name}", **PKCS) for name in _HASHES),
        sign("rsa", "/none", prehashed=True, **PKCS),
        sign("rsa", "/none", prehashed=True),
        sign("rsa", "/sha2-256", prehashed=True, **PKCS),
        post("<m>/sign/rsa", {"input": b64("a" * 32), "prehashed": True, **PKCS}),
        post("<m>/sign/rsa", {"input": b64("a" * 300), "prehashed": True, "hash_algorithm": "none", **PKCS}),
        sign("rsa", signature_algorithm="odd"),
        sign("rsa", hash_algorithm="sha2-512", **PKCS),
        sign("rsa", algorithm="sha2-512", **PKCS),
        sign("rsa", marshaling_algorithm="jws", **PKCS),
        *(signed("rsa", salt_length=salt) for salt in ("auto", "hash", "0", "10", "-1", 20)),
        *(sign("rsa", salt_length=salt) for salt in ("-2", "odd", "100000", "300")),
        sign("p256", "/none"),
        sign("p256", "/none", prehashed=True),
        sign("p256", marshaling_algorithm="odd"),
        sign("p256", salt_length="odd"),
        sign("p256", key_version=9),
        sign("p256", key_version=-3),
        sign("edderived", context=CTX),
        sign("edderived"),
        sign("edderived", context="!"),
        sign("aes128"),
        sign("hmac"),
        sign("none"),
        post("<m>/sign/ed", {"input": "!"}),
        post("<m>/sign/ed", {}),
        sign(
            "ed",
            batch_input=[{"input": A, "reference": "r"}, {"input": "!"}, {}],
        ),
        sign("ed", batch_input=[{"input": "!"}]),
        sign("ed", batch_input=[]),
        sign("ed", batch_input="x"),
        *(signed("p256", prehashed=True, marshaling_algorithm=form) for form in ("asn1", "jws")),
        verify("p256", prehashed=True, marshaling_algorithm="jws", signature="<signature>"),
        *(
            post(f"<m>/verify/{name}", {"input": data, "signature": MADE[name]["sign"]})
            for name in ("ed", "p256", "p384", "rsa")
            for data in (D, A)
        ),
        post("<m>/verify/edderived", {"input": D, "signature": MADE["edderived"]["sign"], "context": CTX}),
        post("<m>/verify/edderived", {"input": D, "signature": MADE["edderived"]["sign"]}),
        post("<m>/verify/p256/sha2-512", {"input": D, "signature": MADE["p256"]["sign"]}),
        post(
            "<m>/verify/p256", {"input": D, "signature": MADE["p256"]["sign"], "marshaling_algorithm": "jws"}
        ),
        post("<m>/verify/rsa", {"input": D, "signature": MADE["rsa"]["sign"], "salt_length": "hash"}),
        post("<m>/verify/rsa", {"input": D, "signature": MADE["rsa"]["sign_salt"]}),
        *(
            verify("p256", signature=text)
            for text in (
                "",
                "x",
                "vault:v1",
                "vault:v1:!",
                "vault:v1:aaaa",
                "vault:v4:aaaa",
                "vault:v0:aaaa",
                "vault:vx:a",
            )
        ),
        verify("p256"),
        verify("none", signature="vault:v1:aaaa"),
        verify("aes128", signature="vault:v1:aaaa"),
        *(verify(name, signature=f"vault:v1:{text}") for name in ("ed", "rsa") for text in ("aaaa", "!")),
        post("<m>/verify/p256", {"input": "!", "signature": "vault:v1:aaaa"}),
        post("<m>/verify/p256", {"signature": MADE["p256"]["sign"]}),
        verify(
            "ed",
            batch_input=[
                {"input": D, "signature": MADE["ed"]["sign"], "reference": "q"},
                {"input": A, "signature": MADE["ed"]["sign"]},
                {"input": A, "signature": "x"},
                {"input": "!", "signature": MADE["ed"]["sign"]},
            ],
        ),
        verify("ed", batch_input=[{"input": A, "signature": "x"}, {"input": A, "hmac": "x"}]),
        verify("ed", batch_input=[{"input": A, "signature": "x"}, {"input": A}]),
        verify("ed", batch_input=[]),
    ),
    case(
        "transit codes",
        mount("transit"),
        *restore("hmac", "ed", "aes128"),
        *(post(f"<m>/hmac/{name}", {"input": A}) for name in ("hmac", "ed", "aes128", "none")),
        *(post(f"<m>/hmac/aes128/{name}", {"input": A}) for name in _HASHES),
        post("<m>/hmac/aes128", {"input": A, "algorithm": "sha2-512"}),
        post("<m>/hmac/aes128", {}),
        post("<m>/hmac/aes128", {"input": "!"}),
        post(
            "<m>/hmac/aes128",
            {"batch_input": [{"input": A, "reference": "k"}, {"input": "!"}, {}]},
        ),
        post("<m>/hmac/aes128", {"batch_input": []}),
        *(
            post("<m>/verify/aes128", {"input": data, "hmac": MADE["aes128"]["hmac_sha2-256"]})
            for data in (D, A, "!")
        ),
        *(
            verify("aes128", hmac=text)
            for text in (
                "x",
                "vault:v1",
                "vault:v1:!",
                "vault:v3:aaaa",
                "vault:v0:aaaa",
                "vault:v1:aaaa",
                "vault:vx:a",
                "",
            )
        ),
        verify("aes128", "/sha2-512", hmac=MADE["aes128"]["hmac_sha2-256"]),
        verify("aes128", "/odd", hmac="vault:v1:aaaa"),
        verify("none", hmac="vault:v1:aaaa"),
        verify(
            "aes128",
            batch_input=[
                {"input": D, "hmac": MADE["aes128"]["hmac_sha2-256"], "reference": "u"},
                {"input": A, "hmac": "x"},
                {"input": "!", "hmac": "vault:v1:aaaa"},
                {"input": A, "hmac": "vault:v1:!"},
            ],
        ),
    ),
)
