"""Sprig's functions that make keys and certificates, hash passwords, and encrypt.

What they make is made anew each time a template is rendered, and no audit log tells of it: a server's
certificate is better asked of the server. What they need is imported when one of them is called.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, ClassVar

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.function import TYPES, GoType, Library
from strongroom.template.functions.radix import decode64
from strongroom.template.literal import bytes_of, text_of
from strongroom.template.value import Record, Uint32, type_name

LIBRARY = Library("sprig_")
function = LIBRARY.function
SLOW, VERY_SLOW = 20_000, 200_000  # steps that a call counts as
MAX_BYTES = 72  # of a password that bcrypt hashes


class Certificate(Record):
    """``.Cert`` and ``.Key``, as PEM texts."""

    go_type: ClassVar[str] = "sprig.certificate"
    pointer: ClassVar[bool] = False

    def __init__(self, certificate: str, key: str) -> None:
        self.certificate = certificate
        self.key = key

    def fields(self) -> dict[str, Any]:
        return {"Cert": self.certificate, "Key": self.key}


TYPES[Certificate] = GoType("sprig.certificate", "")


@function("genPrivateKey")
def gen_private_key(execution: Execution, kind: str) -> str:
    """A private key as PEM: ``rsa`` (4096 bits, which takes seconds), ``dsa``, ``ecdsa`` or ``ed25519``."""
    from strongroom.crypto.plain_certificate import new_key  # noqa: PLC0415  few templates need it

    execution.work(SLOW if kind in {"ecdsa", "ed25519"} else VERY_SLOW)
    try:
        return new_key(kind)
    except ValueError:
        return f"Unknown type {kind}"


def _texts(values: list[Any]) -> tuple[str, ...]:
    for value in values:
        if not isinstance(value, str):
            raise FunctionError(f"names and addresses are texts, not values of type {type_name(value)}")
    return tuple(values)


def issued(
    execution: Execution,
    name: str,
    days: int,
    *,
    addresses: list[Any] | None = None,
    names: list[Any] | None = None,
    key: str = "",
    authority: Certificate | None = None,
    is_authority: bool = False,
) -> Certificate:
    """A certificate of the plainest kind."""
    from strongroom.crypto.plain_certificate import Pair, Wanted, issue  # noqa: PLC0415  few templates need it

    execution.work(SLOW if key else VERY_SLOW)
    now = execution.world.now()
    wanted = Wanted(name, now, days, _texts(addresses or []), _texts(names or []), is_authority)
    signer = Pair(authority.certificate, authority.key) if authority else None
    try:
        pair = issue(wanted, key, signer)
    except (ValueError, TypeError, OverflowError):
        raise FunctionError("no certificate can be made of these names, addresses, days and keys") from None
    return Certificate(pair.certificate, pair.key)


@function("genCA")
def gen_ca(execution: Execution, name: str, days: int) -> Certificate:
    """A certificate authority, with ``.Cert`` and ``.Key``: its common name, and for how many days."""
    return issued(execution, name, days, is_authority=True)


@function("genCAWithKey")
def gen_ca_with_key(execution: Execution, name: str, days: int, key: str) -> Certificate:
    """A certificate authority with a private key that there is already."""
    return issued(execution, name, days, key=_given(key), is_authority=True)


@function("genSelfSignedCert")
def gen_self_signed(
    execution: Execution, name: str, addresses: list[Any], names: list[Any], days: int
) -> Certificate:
    """A server's certificate that it signed itself: common name, IP addresses, DNS names, days."""
    return issued(execution, name, days, addresses=addresses, names=names)


@function("genSelfSignedCertWithKey")
def gen_self_signed_with_key(  # noqa: PLR0917  the order of the language
    execution: Execution, name: str, addresses: list[Any], names: list[Any], days: int, key: str
) -> Certificate:
    """The same with a private key that there is already."""
    return issued(execution, name, days, addresses=addresses, names=names, key=_given(key))


@function("genSignedCert")
def gen_signed(  # noqa: PLR0917  the order of the language
    execution: Execution, name: str, addresses: list[Any], names: list[Any], days: int, ca: Certificate
) -> Certificate:
    """A server's certificate from an authority: common name, IP addresses, DNS names, days, authority."""
    return issued(execution, name, days, addresses=addresses, names=names, authority=ca)


@function("genSignedCertWithKey")
def gen_signed_with_key(  # noqa: PLR0917  the order of the language
    execution: Execution,
    name: str,
    addresses: list[Any],
    names: list[Any],
    days: int,
    ca: Certificate,
    key: str,
) -> Certificate:
    """The same with a private key that there is already."""
    return issued(execution, name, days, addresses=addresses, names=names, authority=ca, key=_given(key))


def _given(key: str) -> str:
    if not key:
        raise FunctionError("no private key")
    return key


@function("buildCustomCert")
def build_custom_cert(certificate: str, key: str) -> Certificate:
    """A certificate and its key from two base64 texts of PEM, for the functions that take an authority."""
    from strongroom.crypto.plain_certificate import check  # noqa: PLC0415  few templates need it

    parts = decode64(bytes_of(certificate)), decode64(bytes_of(key))
    try:
        check(*parts)
    except ValueError:
        raise FunctionError("unable to decode certificate or key") from None
    return Certificate(text_of(parts[0]), text_of(parts[1]))


@function("bcrypt")
def bcrypt(execution: Execution, password: str) -> str:
    """The bcrypt hash of a password, another one each time."""
    from strongroom.crypto.password import hashed  # noqa: PLC0415  few templates need it

    execution.work(SLOW)
    raw = bytes_of(password)
    if len(raw) > MAX_BYTES:
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
    return "$2a$" + hashed(raw)[4:]


@function("htpasswd")
def htpasswd(execution: Execution, user: str, password: str) -> str:
    """A line of a web server's file of users: the name, and the bcrypt hash of the password."""
    if ":" in user:
        return f"invalid username: {user}"
    return f"{user}:{bcrypt(execution, password)}"


def _key(password: str) -> bytes:
    return bytes_of(password)[:32].ljust(32, b"\0")


@function("encryptAES")
def encrypt_aes(password: str, text: str) -> str:
    """A text, encrypted with AES-256 in CBC mode, in base64. The password is the key: use a random one."""
    from strongroom.crypto.cbc import encrypt  # noqa: PLC0415  few templates need it
    from strongroom.template.functions.encoding import base64_encode  # noqa: PLC0415  beside it

    return base64_encode(text_of(encrypt(_key(password), bytes_of(text))))


@function("decryptAES")
def decrypt_aes(password: str, text: str) -> str:
    """The text that ``encryptAES`` encrypted."""
    from strongroom.crypto.cbc import decrypt  # noqa: PLC0415  few templates need it

    if not text:
        return ""
    try:
        return text_of(decrypt(_key(password), decode64(bytes_of(text))))
    except ValueError:
        raise FunctionError("not encrypted with this password") from None


SEED = b"com.lyndir.masterpassword"
SHAPES = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": (
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno"
        " CvcvnoCvccCvcv CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno"
        " CvccnoCvccCvcv CvccCvccnoCvcv CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno"
        " CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno"
    ),
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}
VOWELS, CONSONANTS = "AEIOU", "BCDFGHJKLMNPQRSTVWXYZ"
LETTERS = VOWELS + VOWELS.lower() + CONSONANTS + CONSONANTS.lower()
SIGNS = {
    "V": VOWELS,
    "C": CONSONANTS,
    "v": VOWELS.lower(),
    "c": CONSONANTS.lower(),
    "a": LETTERS,
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": LETTERS + "0123456789!@#$%^&*()",
}


def _counted(text: str) -> bytes:
    raw = bytes_of(text)
    return len(raw).to_bytes(4) + raw


@function("derivePassword")
def derive_password(  # noqa: PLR0917  the order of the language
    execution: Execution, counter: Uint32, kind: str, password: str, user: str, site: str
) -> str:
    """A site's password by the Master Password algorithm: counter, ``long``, password, user, site."""
    if kind not in SHAPES:
        return f"cannot find password template {kind}"
    execution.work(5 * SLOW)
    salt = SEED + _counted(user)
    key = hashlib.scrypt(bytes_of(password), salt=salt, n=32768, r=8, p=2, maxmem=1 << 26, dklen=64)
    seed = hmac.digest(key, SEED + _counted(site) + int(counter).to_bytes(4), "sha256")
    shapes = SHAPES[kind].split()
    shape = shapes[seed[0] % len(shapes)]
    return "".join(SIGNS[sign][byte % len(SIGNS[sign])] for sign, byte in zip(shape, seed[1:], strict=False))


@function("getHostByName")
def get_host_by_name(execution: Execution, name: str) -> str:
    """An address of a host, one of them at random."""
    addresses = execution.world.addresses(name)
    if not addresses:
        raise FunctionError("no address of this name")
    return addresses[int.from_bytes(execution.world.random(8)) % len(addresses)]
