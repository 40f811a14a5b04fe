"""Transit: keys, ciphertexts, signatures, codes, and what comes out the same from the same key."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.certificates import NOW
from tests.differential.case import Case, Step, case, delete, get, list_, mount, policy, post, token

_VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "openbao_transit.json").read_text())["keys"]
_KEYS = ("data.keys.1.public_key", "data.keys.2.public_key")
_ABOUT = (
    "data.name",
    "data.type",
    "data.derived",
    "data.deletion_allowed",
    "data.min_available_version",
    "data.min_decryption_version",
    "data.min_encryption_version",
    "data.latest_version",
    "data.exportable",
    "data.allow_plaintext_backup",
    "data.supports_encryption",
    "data.supports_decryption",
    "data.supports_signing",
    "data.supports_derivation",
    "data.auto_rotate_period",
    "data.imported_key",
    "data.imported_key_allow_rotation",
    "data.soft_deleted",
    "data.kdf",
    "data.convergent_encryption",
    "data.convergent_encryption_version",
    "data.key_size",
    "data.keys.1.name",
    "data.keys.1.certificate_chain",
    "errors",
    "warnings",
)
"""All that a reading tells but for times and public keys."""


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def _leaf() -> str:
    """A certificate of the latest version of the key ``p256``."""
    policy_ = json.loads(base64.b64decode(_VECTORS["p256"]["backup"]))["policy"]
    entry = policy_["keys"][str(policy_["latest_version"])]
    key = ec.EllipticCurvePublicNumbers(entry["ec_x"], entry["ec_y"], ec.SECP256R1()).public_key()
    name = x509.Name((x509.NameAttribute(NameOID.COMMON_NAME, "leaf"),))
    builder = x509.CertificateBuilder(
        name, name, key, x509.random_serial_number(), NOW, NOW.replace(year=2090)
    )
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


_LEAF = _leaf()
A = b64("a")
D = b64("the quick brown fox")
CTX = b64("kennel")
MADE = {name: _VECTORS[name]["made"] for name in _VECTORS}


def about(method: str, path: str, body: Any = None) -> Step:
    return Step(method, path, body, only=_ABOUT)


def key(name: str, **fields: Any) -> Step:
    return about("POST", f"<m>/keys/{name}", fields)


def config(name: str, **fields: Any) -> Step:
    return about("POST", f"<m>/keys/{name}/config", fields)


def restore(*names: str) -> tuple[Step, ...]:
    """The same keys on both sides."""
    return tuple(post(f"<m>/restore/{name}", {"backup": _VECTORS[name]["backup"]}) for name in names)


def encrypt(name: str, keep: str = "", **fields: Any) -> Step:
    return post(f"<m>/encrypt/{name}", fields, keep={keep: "data.ciphertext"} if keep else {})


def sealed(name: str, **fields: Any) -> Step:
    """An encryption that succeeds, whose ciphertext no one can compare."""
    return encrypt(name, "unseen", plaintext=A, **fields)


def decrypt(name: str, ciphertext: str, **fields: Any) -> Step:
    return post(f"<m>/decrypt/{name}", {"ciphertext": ciphertext, **fields})


def sign(name: str, path: str = "", **fields: Any) -> Step:
    return post(f"<m>/sign/{name}{path}", {"input": A, **fields})


def signed(name: str, path: str = "", **fields: Any) -> Step:
    """A signature that differs each time."""
    return Step(
        "POST", f"<m>/sign/{name}{path}", {"input": A, **fields}, keep={"signature": "data.signature"}
    )


def verify(name: str, path: str = "", **fields: Any) -> Step:
    return post(f"<m>/verify/{name}{path}", {"input": A, **fields})


_MALFORMED = (
    "",
    "vault:v1:",
    "vault:v1:!!",
    "vault:v2:aaaa",
    "vault:v0:aaaa",
    "vault:v-1:aaaa",
    "vault:vx:aaaa",
    "vault:v:aaaa",
    "bao:v1:aaaa",
    "aaaa",
    "vault:v1",
    "vault:v" + "9" * 30 + ":aaaa",
    "vault:v1:vault:v1:aaaa",
    "vault:v1:" + b64("a" * 40),
)

_MALFORMED_BATCHES: tuple[Any, ...] = (
    [],
    "x",
    5,
    {"plaintext": A},
    ["x"],
    [None],
    [{"plaintext": 5}],
    [{"plaintext": A, "key_version": "1"}],
    [{}],
    [{"context": A}, {}],
)

_AES = _VECTORS["aes128"]["made"]["encrypt"]

KEYS = (
    case(
        "transit types of keys",
        mount("transit"),
        list_("<m>/keys"),
        *(
            key(f"k-{kind}", type=kind)
            for kind in (
                "aes128-gcm96",
                "aes256-gcm96",
                "chacha20-poly1305",
                "xchacha20-poly1305",
                "ed25519",
                "ecdsa-p256",
                "ecdsa-p384",
                "ecdsa-p521",
                "rsa-2048",
            )
        ),
        key("h", type="hmac", key_size=48),
        key("d", derived=True),
        key("c", derived=True, convergent_encryption=True),
        key("e", type="ed25519", derived=True),
        about("GET", "<m>/keys/k-ecdsa-p256"),
        about("GET", "<m>/keys/h"),
        about("GET", "<m>/keys/c"),
        about("GET", "<m>/keys/e"),
        about("GET", "<m>/keys/none"),
        list_("<m>/keys"),
        list_("<m>/keys/"),
        list_("<m>/keys?limit=2"),
        list_("<m>/keys?after=d"),
        key("h", type="aes256-gcm96"),
        key("v", type="hmac"),
        key("x", type="hmac", key_size=31),
        key("x", type="hmac", key_size=513),
        key("x", type="hmac", key_size=-1),
        key("x", key_size=32),
        key("x", type="odd"),
        key("x", convergent_encryption=True),
        key("x", type="ed25519", derived=True, convergent_encryption=True),
        key("x", type="ecdsa-p256", derived=True),
        key("x", type="rsa-2048", derived=True),
        key("x", type="hmac", derived=True, key_size=32),
        key("x", auto_rotate_period="10m"),
        key("x", auto_rotate_period=-1),
        key("x", external_key_ref="a/b"),
        key("y", auto_rotate_period="1h"),
        post("<m>/keys/a@b", {}),
        post("<m>/keys/a/b/c", {}),
    ),
    case(
        "transit a key's life",
        mount("transit"),
        key("w", exportable=True),
        about("POST", "<m>/keys/w/rotate"),
        *(about("POST", "<m>/keys/w/rotate", {}) for _ in range(4)),
        about("POST", "<m>/keys/none/rotate", {}),
        about("POST", "<m>/keys/w/rotate", {"external_key_ref": "a"}),
        config("w"),
        config("none", exportable=True),
        config("w", min_decryption_version=9),
        config("w", min_decryption_version=-1),
        config("w", min_encryption_version=9),
        config("w", min_encryption_version=-1),
        config("w", auto_rotate_period=60),
        config("w", exportable=False, allow_plaintext_backup=True),
        config("w", allow_plaintext_backup=False),
        post("<m>/keys/w/trim", {"min_available_version": 2}),
        config("w", min_decryption_version=3),
        config("w", min_encryption_version=2),
        config("w", min_encryption_version=4, min_decryption_version=5),
        post("<m>/keys/w/trim", {"min_available_version": 2}),
        config("w", min_encryption_version=4, min_decryption_version=4),
        encrypt("w", plaintext=A, key_version=3),
        encrypt("w", "four", plaintext=A, key_version=4),
        encrypt("w", plaintext=A, key_version=7),
        encrypt("w", plaintext=A, key_version=-1),
        decrypt("w", "<four>"),
        decrypt("w", "vault:v3:aaaa"),
        decrypt("w", "vault:v0:aaaa"),
        post("<m>/hmac/w", {"input": A, "key_version": 3}),
        post("<m>/hmac/w", {"input": A, "key_version": 9}),
        post("<m>/hmac/w", {"input": A, "key_version": -3}),
        post("<m>/keys/w/trim", {}),
        post("<m>/keys/w/trim", {"min_available_version": 0}),
        post("<m>/keys/w/trim", {"min_available_version": 5}),
        post("<m>/keys/w/trim", {"min_available_version": 9}),
        about("POST", "<m>/keys/w/trim", {"min_available_version": 3}),
        post("<m>/keys/w/trim", {"min_available_version": 2}),
        post("<m>/keys/none/trim", {"min_available_version": 2}),
        config("w", min_decryption_version=2),
        config("w", min_decryption_version=3),
        about("GET", "<m>/keys/w"),
        post("<m>/rewrap/w", {"ciphertext": "<four>"}, keep={"six": "data.ciphertext"}),
        decrypt("w", "<six>"),
        delete("<m>/keys/w"),
        about("DELETE", "<m>/keys/w/soft-delete"),
        about("GET", "<m>/keys/w"),
        encrypt("w", plaintext=A),
        decrypt("w", "<six>"),
        post("<m>/rewrap/w", {"ciphertext": "<six>"}),
        post("<m>/hmac/w", {"input": A}),
        post("<m>/datakey/wrapped/w", {}),
        about("POST", "<m>/keys/w/rotate"),
        get("<m>/backup/w"),
        get("<m>/export/encryption-key/w"),
        config("w", deletion_allowed=True),
        about("DELETE", "<m>/keys/w/soft-delete"),
        about("POST", "<m>/keys/w/soft-delete-restore"),
        about("POST", "<m>/keys/w/soft-delete-restore"),
        decrypt("w", "<six>"),
        delete("<m>/keys/none/soft-delete"),
        post("<m>/keys/none/soft-delete-restore"),
        delete("<m>/keys/w"),
        get("<m>/keys/w"),
        delete("<m>/keys/w"),
    ),
    case(
        "transit settings",
        mount("transit"),
        get("<m>/config/keys"),
        post("<m>/config/keys", {"disable_upsert": True}),
        get("<m>/config/keys"),
        encrypt("new", plaintext=A),
        encrypt("new", batch_input=[{"plaintext": A}]),
        post("<m>/config/keys", {}),
        sealed("new"),
        get("<m>/cache-config"),
        post("<m>/cache-config", {"size": 5}),
        post("<m>/cache-config", {"size": -1}),
        post("<m>/cache-config", {"size": 500}),
        get("<m>/cache-config"),
        post("<m>/cache-config", {}),
        get("<m>/cache-config"),
    ),
    case(
        "transit tools",
        mount("transit"),
        *(
            post(f"<m>/random{path}", {})
            for path in ("", "/5", "/platform/5", "/all/5", "/wat", "/all/500000")
        ),
        post("<m>/random/5x", {}),
        post("<m>/random", {"bytes": 0}),
        post("<m>/random", {"bytes": 20, "format": "hex"}),
        post("<m>/random/all/5", {"format": "odd"}),
        *(
            post(f"<m>/hash{path}", {"input": A})
            for path in ("", "/sha2-224", "/sha2-512", "/sha3-224", "/none", "/sha1", "/odd")
        ),
        post("<m>/hash", {"input": A, "format": "base64", "algorithm": "sha3-512"}),
        post("<m>/hash", {"input": A, "format": "odd"}),
        post("<m>/hash", {"input": "!"}),
        post("<m>/hash", {}),
    ),
    case(
        "transit exports and backups",
        mount("transit"),
        *restore("aes", "ed", "edderived", "p256", "rsa", "hmac"),
        *(
            get(f"<m>/export/{what}/{name}{form}")
            for name in ("aes", "ed", "p256", "rsa", "hmac")
            for what in ("encryption-key", "signing-key", "hmac-key", "public-key")
            for form in ("", "?format=raw", "?format=der", "?format=pem")
        ),
        get("<m>/export/certificate-chain/p256"),
        get("<m>/export/certificate-chain/aes"),
        get("<m>/export/odd/aes"),
        get("<m>/export/encryption-key/aes?format=odd"),
        get("<m>/export/encryption-key/none"),
        *(get(f"<m>/export/hmac-key/aes/{version}") for version in ("1", "2", "latest", "9", "x", "0")),
        get("<m>/export/signing-key/edderived"),
        get("<m>/keys/p256", only=("data.keys", "data.restore_info.version", "data.backup_info.version")),
        get("<m>/keys/ed", only=("data.keys",)),
        get("<m>/keys/edderived?context=" + CTX, only=("data.keys",)),
        get("<m>/keys/edderived?context=!"),
        get("<m>/keys/rsa", only=("data.keys",)),
        key("shut"),
        get("<m>/export/encryption-key/shut"),
        get("<m>/export/hmac-key/shut"),
        get("<m>/backup/shut"),
        get("<m>/backup/none"),
        config("shut", exportable=True),
        get("<m>/backup/shut"),
        config("shut", allow_plaintext_backup=True),
        get("<m>/backup/shut", only=("errors",)),
        post("<m>/restore", {"backup": _VECTORS["aes"]["backup"]}),
        post("<m>/restore", {"backup": _VECTORS["aes"]["backup"], "force": True}),
        post("<m>/restore/other", {"backup": _VECTORS["aes"]["backup"]}),
        post("<m>/restore", {}),
        post("<m>/restore", {"backup": "!"}),
        post("<m>/restore", {"backup": b64("no JSON")}),
        get("<m>/byok-export/rsa/none"),
        get("<m>/byok-export/none/aes"),
        get("<m>/byok-export/aes/rsa"),
        get("<m>/byok-export/rsa/aes/9"),
        get("<m>/byok-export/rsa/aes?hash=odd"),
        get("<m>/byok-export/rsa/ed", only=("data.name", "data.type")),
    ),
    case(
        "transit keys from elsewhere",
        mount("transit"),
        *restore("p256", "p384"),
        get("<m>/export/public-key/p256/1", keep={"public": "data.keys.1"}),
        post("<m>/keys/i/import", {"public_key": "<public>", "type": "ecdsa-p256"}),
        get("<m>/keys/i", only=(*_ABOUT, "data.keys.1.public_key")),
        sign("i"),
        post("<m>/keys/i/rotate"),
        post("<m>/keys/i/import_version", {}),
        post("<m>/keys/i/import_version", {"public_key": "<public>"}),
        get("<m>/keys/i", only=(*_ABOUT, "data.keys.2.public_key")),
        get("<m>/export/public-key/i"),
        post("<m>/keys/i/import", {"public_key": "<public>", "type": "ecdsa-p256"}),
        post("<m>/keys/n/import", {"public_key": "<public>", "type": "ed25519"}),
        post("<m>/keys/n/import", {"public_key": "<public>", "type": "aes256-gcm96"}),
        post("<m>/keys/n/import", {"public_key": "x", "type": "ecdsa-p256"}),
        post("<m>/keys/n/import", {"public_key": "<public>", "type": "odd"}),
        post("<m>/keys/n/import", {"ciphertext": "!"}),
        post("<m>/keys/n/import", {"ciphertext": b64("a" * 10)}),
        post("<m>/keys/n/import", {"ciphertext": b64("a" * 600), "hash_function": "md5"}),
        post("<m>/keys/none/import_version", {"public_key": "<public>"}),
        post("<m>/keys/p256/import_version", {"public_key": "<public>"}),
        post("<m>/derive-key/dk", {}),
        post("<m>/derive-key/dk", {"base_key_name": "p256"}),
        post("<m>/derive-key/dk", {"base_key_name": "none", "peer_public_key": "<public>"}),
        post("<m>/derive-key/dk", {"base_key_name": "p256", "peer_public_key": "x"}),
        post("<m>/derive-key/dk", {"base_key_name": "p384", "peer_public_key": "<public>"}),
        post(
            "<m>/derive-key/dk",
            {"base_key_name": "p256", "peer_public_key": "<public>", "derived_key_type": "ed25519"},
        ),
        post(
            "<m>/derive-key/dk",
            {"base_key_name": "p256", "peer_public_key": "<public>", "key_derivation_algorithm": "odd"},
        ),
        post(
            "<m>/derive-key/dk",
            {"base_key_name": "p256", "peer_public_key": "<public>", "base_key_version": 9},
        ),
        post("<m>/derive-key/dk", {"base_key_name": "p256", "peer_public_key": "<public>"}),
        about("GET", "<m>/keys/dk"),
        config("dk", exportable=True),
        get("<m>/export/encryption-key/dk"),
        post("<m>/derive-key/dk", {"base_key_name": "p256", "peer_public_key": "<public>"}),
        about("GET", "<m>/keys/dk"),
        post("<m>/keys/none/csr", {}),
        key("aes"),
        post("<m>/keys/aes/csr", {}),
        post("<m>/keys/p256/csr", {"version": 7}),
        post("<m>/keys/p256/csr", {"csr": "x"}),
        post("<m>/keys/p256/csr", {}, only=("data.name", "data.type")),
        post("<m>/keys/p256/set-certificate", {"certificate_chain": "x"}),
        post("<m>/keys/none/set-certificate", {"certificate_chain": "x"}),
        *restore("importedderived"),
        get("<m>/keys/importedderived", only=(*_ABOUT, "data.kdf_mode")),
        *(
            decrypt("importedderived", MADE["importedderived"]["encrypt"], context=context)
            for context in (CTX, A)
        ),
        config("i", exportable=True),
        get("<m>/export/signing-key/i"),
        *(
            post("<m>/keys/p256/set-certificate", {"certificate_chain": chain})
            for chain in (_LEAF, "Certificate:\n  for people\n" + _LEAF, _LEAF + _LEAF, _LEAF + "x", "")
        ),
        get("<m>/keys/p256", only=("data.keys",)),
        get("<m>/export/certificate-chain/p256/latest"),
    ),
)

ENCRYPTION = (
    case(
        "transit encryption",
        mount("transit"),
        *restore("aes128", "convergent", "convergent128", "xconvergent", "derived", "rsa", "ed", "hmac"),
        sealed("aes128"),
        encrypt("aes128", "empty", plaintext=""),
        decrypt("aes128", "<empty>"),
        encrypt("aes128", plaintext="a"),
        encrypt("aes128", plaintext="YWFhYQ"),
        encrypt("aes128", plaintext="YWFh!WFh"),
        encrypt("aes128", plaintext="YW=hYWFh"),
        encrypt("aes128", "lined", plaintext="YW\nFh"),
        decrypt("aes128", "<lined>"),
        encrypt("aes128"),
        sealed("aes128", key_version=1),
        sealed("aes128", context=CTX),
        encrypt("aes128", plaintext=A, context="!"),
        encrypt("aes128", plaintext=A, associated_data="!"),
        encrypt("ed", plaintext=A),
        encrypt("hmac", plaintext=A),
        encrypt("rsa", plaintext=A, associated_data=A),
        encrypt("rsa", "rsa_sealed", plaintext=b64("a" * 190)),
        decrypt("rsa", "<rsa_sealed>"),
        encrypt("rsa", plaintext=b64("a" * 191)),
        decrypt("rsa", "vault:v1:aaaa"),
        encrypt("derived", plaintext=A),
        *(encrypt(name, plaintext=A, context=CTX) for name in ("convergent", "convergent128", "xconvergent")),
        encrypt("derived", "in_context", plaintext=A, context=CTX),
        decrypt("derived", "<in_context>", context=CTX),
        decrypt("derived", "<in_context>", context=A),
        decrypt("derived", "<in_context>"),
        decrypt("derived", "<in_context>", context="!"),
        encrypt("aes128", "with_data", plaintext=A, associated_data=CTX),
        decrypt("aes128", "<with_data>", associated_data=CTX),
        decrypt("aes128", "<with_data>"),
        decrypt("aes128", "<with_data>", associated_data="!"),
        *(decrypt("aes128", text) for text in _MALFORMED),
        decrypt("aes128", _AES),
        decrypt("aes128", _AES.replace("v1", "v01")),
        decrypt("aes128", _AES.replace("v1", "v+1")),
        decrypt("aes128", _AES + " "),
        decrypt("aes128", _AES[:-4]),
        post("<m>/decrypt/aes128", {}),
        decrypt("none", _AES),
        decrypt("ed", _AES),
        decrypt("hmac", _AES),
        post("<m>/rewrap/aes128", {}),
        post("<m>/rewrap/aes128", {"ciphertext": "x"}),
        post("<m>/rewrap/aes128", {"ciphertext": _AES, "key_version": 4}),
        post("<m>/rewrap/none", {"ciphertext": _AES}),
        post("<m>/rewrap/ed", {"ciphertext": _AES}),
        post(
            "<m>/rewrap/convergent", {"ciphertext": _VECTORS["convergent"]["made"]["encrypt"], "context": CTX}
        ),
        *(
            post(f"<m>/datakey/{kind}/aes128", {}, only=("errors", "data.key_version"))
            for kind in ("plaintext", "wrapped", "odd")
        ),
        *(
            post("<m>/datakey/plaintext/aes128", {"bits": bits}, only=("errors", "data.key_version"))
            for bits in (128, 512, 64, 0)
        ),
        post("<m>/datakey/plaintext/none", {}),
        post("<m>/datakey/plaintext/ed", {}),
        post("<m>/datakey/plaintext/derived", {}),
        post("<m>/datakey/plaintext/derived", {"context": "!"}),
        post("<m>/datakey/plaintext/derived", {"context": A, "key_version": 3}),
    ),
    case(
        "transit encryption that makes keys",
        mount("transit"),
        sealed("up"),
        about("GET", "<m>/keys/up"),
        sealed("derived", context=CTX),
        about("GET", "<m>/keys/derived"),
        encrypt("conv", "conv", plaintext=A, context=CTX, convergent_encryption=True),
        about("GET", "<m>/keys/conv"),
        sealed("chacha", type="chacha20-poly1305"),
        about("GET", "<m>/keys/chacha"),
        encrypt("n", plaintext=A, type="ed25519"),
        encrypt("n", plaintext=A, type="rsa-2048"),
        encrypt("n", plaintext=A, type="hmac"),
        encrypt("n", plaintext=A, type="odd"),
        encrypt("n", plaintext=A, convergent_encryption=True),
        encrypt("n"),
        about("GET", "<m>/keys/n"),
        encrypt("n", batch_input=[]),
        encrypt("n", batch_input=[{"plaintext": A}, {"plaintext": A, "context": CTX}]),
    ),
    case(
        "transit batches",
        mount("transit"),
        *restore("aes128", "convergent", "rsa", "ed"),
        encrypt(
            "convergent",
            batch_input=[
                {"plaintext": A, "context": CTX, "reference": "r"},
                {"plaintext": "!", "context": CTX},
                {"plaintext": A, "context": "!"},
                {"plaintext": A, "context": CTX, "key_version": 9},
            ],
        ),
        encrypt("aes128", batch_input=[{"plaintext": "!"}]),
        encrypt("aes128", batch_input=[{"plaintext": "!"}], partial_failure_response_code=299),
        encrypt(
            "convergent",
            batch_input=[{"plaintext": A, "context": CTX}, {"plaintext": "!", "context": CTX}],
            partial_failure_response_code=299,
        ),
        encrypt(
            "convergent",
            batch_input=[{"plaintext": A, "context": CTX}, {"plaintext": "!", "context": CTX}],
            partial_failure_response_code=9999,
        ),
        *(encrypt("aes128", batch_input=malformed) for malformed in _MALFORMED_BATCHES),
        encrypt("rsa", batch_input=[{"plaintext": A, "associated_data": A}]),
        encrypt("ed", batch_input=[{"plaintext": A}]),
        post(
            "<m>/decrypt/aes128",
            {
                "batch_input": [
                    {"ciphertext": _AES},
                    {"ciphertext": "x"},
                    {"ciphertext": _AES, "reference": "r"},
                ]
            },
        ),
        post("<m>/decrypt/aes128", {"batch_input": [{"ciphertext": "x"}]}),
        post(
            "<m>/decrypt/aes128",
            {
                "batch_input": [{"ciphertext": "x"}, {"ciphertext": _AES}],
                "partial_failure_response_code": 206,
            },
        ),
        post("<m>/decrypt/aes128", {"batch_input": [{"ciphertext": _AES}, {}]}),
        post("<m>/decrypt/aes128", {"batch_input": []}),
        post(
            "<m>/rewrap/convergent",
            {
                "batch_input": [
                    {
                        "ciphertext": _VECTORS["convergent"]["made"]["encrypt"],
                        "context": CTX,
                        "reference": "z",
                    },
                    {"ciphertext": "x", "context": CTX},
                ]
            },
        ),
        post("<m>/rewrap/aes128", {"batch_input": [{"ciphertext": "x"}]}),
        post("<m>/rewrap/aes128", {"batch_input": []}),
    ),
)

_LEAVES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cache-config", {"size": 50}),
    ("config/keys", {}),
    ("keys/k", {}),
    ("keys/k/config", {}),
    ("encrypt/new", {"plaintext": A}),
    ("encrypt/new", {"plaintext": A}),
    ("encrypt/none", {}),
)


def _allowed(*capabilities: str) -> tuple[Step, ...]:
    """What somebody who may only create, or only update, can do."""
    leave = f'path "<m>/*" {{ capabilities = {json.dumps(capabilities)} }}'
    return (
        mount("transit"),
        policy(leave),
        token("t", policies=["<m>"]),
        *(Step("POST", f"<m>/{path}", body, token="<t>", only=("errors",)) for path, body in _LEAVES),
    )


_CONVERGENT = {"ciphertext": _VECTORS["convergent"]["made"]["encrypt"], "context": CTX}

LOOSE = (
    case("transit leave to create", *_allowed("create")),
    case("transit leave to update", *_allowed("update")),
    case(
        "transit batches with members of other types",
        mount("transit"),
        *restore("convergent", "ed", "edderived", "aes128"),
        *(
            post(f"<m>/{what}/convergent", {"batch_input": [_CONVERGENT, {**_CONVERGENT, **entry}]})
            for what in ("decrypt", "rewrap")
            for entry in (
                {"ciphertext": None},
                {"ciphertext": ""},
                {"key_version": None},
                {"reference": None},
            )
        ),
        post("<m>/rewrap/convergent", {"batch_input": [{"context": CTX}, {"ciphertext": 5, "context": CTX}]}),
        post("<m>/decrypt/convergent", {"batch_input": [{"ciphertext": 5, "context": CTX}]}),
        *(
            post(f"<m>/{what}", {"batch_input": [{"input": D}, entry]})
            for what in ("sign/ed", "hmac/aes128")
            for entry in (
                None,
                {},
                {"input": None},
                {"input": 12345678},
                {"input": D, "reference": 7, "context": None, "key_version": "9"},
                {"input": D, "reference": 1.5},
                {"input": True},
            )
        ),
        post(
            "<m>/sign/edderived",
            {"batch_input": [{"input": D, "context": CTX, "reference": "r"}, {"input": D}]},
        ),
        post("<m>/verify/ed", {"batch_input": [{"input": None, "signature": MADE["ed"]["sign"]}]}),
    ),
    case(
        "transit parameters that the path gives",
        mount("transit"),
        *restore("aes", "rsa"),
        about("POST", "<m>/keys/x", {"name": "y"}),
        about("POST", "<m>/keys/x", {"name": None}),
        about("POST", "<m>/keys/x/rotate", {"name": "y", "odd": 1}),
        post("<m>/encrypt/x", {"name": "y", "plaintext": A}, keep={"unseen": "data.ciphertext"}),
        post("<m>/hash", {"input": A, "urlalgorithm": "sha2-512"}),
        post("<m>/hash/sha2-512", {"input": A, "urlalgorithm": "sha2-224"}),
        post("<m>/random/7", {"urlbytes": "5", "source": "all"}),
        get("<m>/keys/none?name=aes"),
        about("GET", "<m>/keys/aes?name=x"),
        about("POST", "<m>/keys/x/config", {"min_decryption_version": 0}),
        *(post("<m>/keys/x/trim", {"min_available_version": version}) for version in (0, -1)),
        *(post(f"<m>/hmac/{name}", {"input": A, "key_version": -1}) for name in ("aes", "x")),
        post("<m>/hmac/aes", {"input": A, "algorithm": ""}),
        post("<m>/verify/rsa", {"input": A, "prehashed": True, "signature": MADE["rsa"]["sign"]}),
    ),
)

CASES: tuple[Case, ...] = KEYS + ENCRYPTION + LOOSE
