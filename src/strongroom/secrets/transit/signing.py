"""Signatures, and their verification together with that of codes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.crypto import digest, signature
from strongroom.crypto.signature import NONE, Options, Unsignable
from strongroom.errors import BadRequest
from strongroom.framework.field import Anything, field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.transit import batch, code, wire

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit
    from strongroom.secrets.transit.key import Key

SIGNATURE = "invalid signature"
HMAC, CMAC = "invalid HMAC", "invalid CMAC"
_NONE_NEEDS = "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15"
_NO_PRIVATE = "requested version for signing does not contain a private part"
_BAD_BASE64 = "invalid base64 signature value"
_MIXED = "elements of batch_input must all provide 'signature' or all provide 'hmac'"
_NOTHING = "neither a 'signature' nor an 'hmac' were given to verify"
_SALTS = {"auto": 0, "hash": -1}
_SHOWN = 32


class _Options(Path):
    """How a signature is made: the fields that signing and verifying share."""

    name: str = field("Name of the key.")
    urlalgorithm: str = field("The hash algorithm, as part of the path.")
    input: str = field("Base64 of the data.", sensitive=True)
    context: str = field("Base64 of the context; required where the key is derived.", sensitive=True)
    hash_algorithm: str = field(
        "Hash of the data: sha1, sha2-224, sha2-256, sha2-384, sha2-512, sha3-224 to sha3-512, or none, which"
        " is for data that bring their own algorithm identifier and needs `prehashed` and `pkcs1v15`."
        " Ed25519 and ML-DSA need no hash. The default is sha2-256."
    )
    algorithm: str = field("Older name of `hash_algorithm`.", deprecated=True)
    signature_algorithm: str = field("For RSA: pss (the default) or pkcs1v15.")
    marshaling_algorithm: str = field(
        "Form of the signature: asn1 in base64, or jws, where ECDSA has both numbers at full length, in"
        " base64 for URLs.",
        default="asn1",
    )
    salt_length: str = field(
        "Salt of RSA-PSS: auto (the longest; any, when verifying), hash (as long as the hash), or bytes.",
        default="auto",
    )
    prehashed: bool = field("Whether the data are a hash already.")
    batch_input: Anything = field(
        "Inputs to be processed in one request: objects with `input`, `context` and a `reference` that is"
        " repeated in the result, and what is to be verified. `input` beside it is then ignored."
    )

    def hash_name(self) -> str:
        """The hash that is wanted. Raises BadRequest for one that there is not."""
        name = self.urlalgorithm or self.hash_algorithm or self.algorithm or "sha2-256"
        if name != NONE and name not in signature.HASHES:
            raise BadRequest(f'invalid hash algorithm "{name[:_SHOWN]}"')
        return name

    def options(self, key: Key) -> Options:
        """What the fields say about a signature by a key. Raises BadRequest."""
        name = self.hash_name()
        marshaling = self.marshaling_algorithm
        if marshaling not in ("asn1", "jws"):
            raise BadRequest(f'invalid marshaling type "{marshaling[:_SHOWN]}"')
        salt = _salt(self.salt_length)
        scheme = self.signature_algorithm
        hashes = key.kind.family in ("rsa", "ec")
        if name == NONE and hashes and not (self.prehashed and scheme == "pkcs1v15"):
            raise BadRequest(_NONE_NEEDS)
        if name == NONE and key.kind.family == "ec":
            name = "sha2-256"  # not used: what is signed is hashed already
        if key.kind.family == "rsa" and scheme not in ("", "pss", "pkcs1v15"):
            raise BadRequest(f"unsupported rsa signature algorithm {scheme[:_SHOWN]}")
        return Options(
            name, self.prehashed, "pkcs1v15" if scheme == "pkcs1v15" else "pss", salt, marshaling == "jws"
        )


def _salt(text: str) -> int:
    """Bytes of salt; 0 is as long as can be, -1 as long as the hash. Raises BadRequest."""
    found = _SALTS.get(text.strip().lower())
    if found is not None:
        return found
    number = text.strip()
    if not number.removeprefix("-").isascii() or not number.removeprefix("-").isdigit() or len(number) > 9:
        raise BadRequest(f"salt length neither 'auto', 'hash', nor an int: {text[:_SHOWN]}")
    if int(number) < -1:
        raise BadRequest(f"salt length is invalid: {number}")
    return int(number)


class Sign(_Options):
    """Sign data."""

    pattern = "sign/{name}/{urlalgorithm?}"
    looks_up = True
    key_version: int = field("Version of the key that signs; 0 is the latest.")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The signature, the version of the key that made it, and for a derived key its public key."""
        key = await transit.rings.find(request, self.name)
        if key is None:
            raise BadRequest("signing key not found")
        if not key.kind.signs:
            raise BadRequest(f"key type {key.type} does not support signing")
        key.usable()
        signer = _Signer(self.options(key), key.encrypting(self.key_version, "signing"))
        ready = await transit.rings.version(request, self.name, key, signer.number)
        if "batch_input" not in self.given:
            return signer.sign(ready, self.input, self.context)
        results = []
        for at, entry in enumerate(batch.texts(self.batch_input, ignored="key_version")):
            await batch.breathe(at, key)
            try:
                if "input" not in entry:
                    raise BadRequest("missing input")  # noqa: TRY301  all refusals of an input are results
                result = signer.sign(ready, entry["input"], entry.get("context") or "")
                if "public_key" in result:
                    result["publickey"] = result.pop("public_key")  # its name in batches, on the wire
            except BadRequest as refusal:
                result = {"key_version": 0, "error": refusal.public}
            result["reference"] = entry.get("reference") or ""
            results.append(result)
        return {"batch_results": results}


@dataclass(slots=True, frozen=True)
class _Signer:
    """Signs by one version of a key."""

    options: Options
    number: int

    def sign(self, ready: Any, text: str, context: str) -> dict[str, Any]:
        """The result for an input. Raises BadRequest."""
        data = code.input_of(text)
        private = ready.private(code.context_of(context))
        if private is None:
            raise BadRequest(_NO_PRIVATE)
        try:
            made = signature.sign(private, data, self.options)
        except Unsignable as refusal:
            raise BadRequest(str(refusal)) from None
        encoded = wire.url_encode(made) if self.options.jws else wire.encode(made)
        result: dict[str, Any] = {
            "signature": f"{wire.PREFIX}{self.number}:{encoded}",
            "key_version": self.number,
        }
        if ready.key.derived:
            result["public_key"] = wire.encode(private.public_key().public_bytes_raw())
        return result


class Verify(_Options):
    """Verify a signature, or a code, that a key of this mount made."""

    pattern = "verify/{name}/{urlalgorithm?}"
    looks_up = True
    signature: str = field("The signature, as it was given.")
    hmac: str = field("The HMAC, as it was given.")
    cmac: str = field("The CMAC, as it was given.")
    mac_length: int = field("Bytes of the CMAC; 0 is all 16.")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """Whether it is what the key makes of the input. What is no signature at all is an error."""
        inputs = batch.texts(self.batch_input, ignored="key_version") if "batch_input" in self.given else None
        what = _what_all(inputs) if inputs is not None else self._what()
        verifier = await self._verifier(transit, request, what)
        if inputs is None:
            given = {"input": self.input, "context": self.context, what: getattr(self, what)}
            return {"valid": await verifier.valid(given)}
        results = []
        for at, entry in enumerate(inputs):
            await batch.breathe(at, verifier.key)
            try:
                if "input" not in entry:
                    raise BadRequest("missing input")  # noqa: TRY301  all refusals of an input are results
                result: dict[str, Any] = {"valid": await verifier.valid(entry)}
            except BadRequest as refusal:
                result = {"error": refusal.public}
                if what == "signature":
                    result["valid"] = False
            result["reference"] = entry.get("reference") or ""
            results.append(result)
        return {"batch_results": results}

    def _what(self) -> str:
        for what in ("signature", "hmac", "cmac"):
            if what in self.given:
                return what
        raise BadRequest(_NOTHING)

    async def _verifier(self, transit: Transit, request: Request, what: str) -> _Verifier:
        if what != "signature":
            self.hash_name()
        key = await transit.rings.find(request, self.name)
        if key is None:
            raise BadRequest("signature verification key not found" if what == "signature" else code.NO_KEY)
        if what == "signature" and not key.kind.signs:
            raise BadRequest(f"key type {key.type} does not support verification")
        key.usable()
        options = self.options(key) if what == "signature" else Options(self.hash_name())
        if what == "hmac" and options.hash == NONE:
            raise BadRequest(code.NO_HASH)
        if what == "cmac":
            code.check_cmac(key, self.mac_length)
        return _Verifier(transit, request, self.name, key, options, what, self.mac_length)


def _what_all(inputs: list[dict[str, Any]]) -> str:
    """What all inputs of a batch give to verify. Raises BadRequest where they do not all give the same."""
    kinds = {tuple(what for what in ("signature", "hmac", "cmac") if entry.get(what)) for entry in inputs}
    named = {what for found in kinds for what in found}
    if not named:
        raise BadRequest("no batch_input elements have 'signature' or 'hmac'")
    if len(named) != 1:
        raise BadRequest(_MIXED)
    what = named.pop()
    if () in kinds:
        raise BadRequest(f"some elements of batch_input are missing '{what}'")
    return what


@dataclass(slots=True)
class _Verifier:
    """Verifies by one key, by whatever version an output names."""

    transit: Transit
    request: Request
    name: str
    key: Key
    options: Options
    what: str
    mac_length: int

    async def valid(self, entry: dict[str, Any]) -> bool:
        """Whether an input has what it claims. Raises BadRequest."""
        data = code.input_of(entry["input"])
        claimed = entry[self.what]
        if self.what == "signature":
            return await self._signature(data, claimed, code.context_of(entry.get("context") or ""))
        noun = HMAC if self.what == "hmac" else CMAC
        if not claimed.startswith(wire.PREFIX):
            raise BadRequest(f"{noun} to verify: no prefix")
        number, body = wire.parse(claimed, noun)
        if number < max(self.key.min_decryption, self.key.oldest):
            raise BadRequest(f"cannot verify {self.what.upper()}: version is too old (disallowed by policy)")
        ready = await self._ready(number, noun)
        try:
            expected = wire.decode(body)
        except BadRequest as refusal:
            noun = self.what.upper()
            raise BadRequest(f"unable to decode verification {noun} as base64: {refusal.public}") from None
        if self.what == "hmac":
            made = digest.hmac(self.options.hash, ready.material.hmac_key, data)
        else:
            made = code.cmac(ready, data, self.mac_length)
        return hmac.compare_digest(made, expected)

    async def _signature(self, data: bytes, claimed: str, context: bytes) -> bool:
        number, body = wire.parse(claimed, SIGNATURE)
        ready = await self._ready(number, SIGNATURE)
        try:
            made = wire.url_decode(body) if self.options.jws else wire.decode(body)
        except (BadRequest, ValueError):
            raise BadRequest(_BAD_BASE64) from None
        try:
            return signature.verify(ready.public(context), data, made, self.options)
        except Unsignable as refusal:
            raise BadRequest(str(refusal)) from None

    async def _ready(self, number: int, noun: str) -> Any:
        number = self.key.decrypting(number, noun)
        return await self.transit.rings.version(self.request, self.name, self.key, number)


PATHS: tuple[type[Path], ...] = (Sign, Verify)
