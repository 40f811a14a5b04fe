"""The private keys of a mount: rows with an ID and, if wished, a name."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from strongroom.crypto import pem, signing_key
from strongroom.crypto.entropy import uuid4_str
from strongroom.crypto.signing_key import KeyKind, SigningKey
from strongroom.errors import BadRequest, NotFound
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki import reference
from strongroom.secrets.pki.role import default_bits

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

SHORTEST = 75
TOO_SHORT = (
    "provided data for import was too short; perhaps a path was passed to the API rather than the contents "
    "of a PEM file"
)
EXPORTED = ("exported", "internal", "existing", "kms")


@dataclass(slots=True)
class Key:
    """A stored key; ``pem`` is PKCS #8."""

    id: str
    kind: KeyKind
    bits: int
    pem: str
    key_id: str
    name: str = ""

    def __repr__(self) -> str:
        return f"Key({self.id!r})"


@cache
def _threads() -> ThreadPoolExecutor:
    """Where primes are looked for: as many at a time as there are processors, after everything else."""
    return ThreadPoolExecutor(os.cpu_count() or 1, "primes", initializer=_step_back)


def _step_back() -> None:
    """Let all other threads go first, where the system has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


async def drawn(request: Request, kind: str, bits: int) -> SigningKey:
    """A fresh private key, drawn once however often the request runs; RSA in a thread."""
    size = default_bits(kind, bits)
    wanted = ("pki key", kind, size)
    if wanted not in request.once:
        made: SigningKey
        if kind == "rsa":
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(_threads(), signing_key.generate, "rsa", size)
        else:
            made = signing_key.generate(kind, size)  # type: ignore[arg-type]  # default_bits looked at it
        request.once[wanted] = made
    key: SigningKey = request.once[wanted]
    return key


async def kept(pki: Pki, request: Request, key: SigningKey, name: str = "") -> tuple[Key, bool]:
    """The stored key, and whether it is a new one: a key that is there already is not stored twice."""
    public = signing_key.public_der(key.public_key())
    fingerprint = reference.fingerprint(public)
    known = await request.view.get(f"key-of/{fingerprint}")
    if known is not None:
        found = await pki.keys(request).get(known.decode())
        if found is not None:
            return found, False
    record = Key(
        id=uuid4_str(),
        kind=signing_key.kind_of(key),
        bits=signing_key.bits_of(key),
        pem=signing_key.pem(key),
        key_id=signing_key.key_id(key.public_key()),
    )
    await pki.key_names.set(request, record, name)
    pki.keys(request).put(record.id, record)
    request.view.put(f"key-of/{fingerprint}", record.id.encode())
    await _give_to_issuers(pki, request, record, public)
    config = await pki.config(request)
    if not config.default_key:
        config.default_key = record.id
        pki.keep_config(request, config)
    return record, True


async def _give_to_issuers(pki: Pki, request: Request, record: Key, public: bytes) -> None:
    """Let issuers sign that were here without their key."""
    for issuer in await pki.all_issuers(request):
        if not issuer.key_id and issuer.certificate.public_der == public:
            issuer.key_id = record.id
            pki.issuers(request).put(issuer.id, issuer)
            await pki.consider_default(request, issuer)


def forget(pki: Pki, request: Request, record: Key) -> None:
    """Remove a key."""
    key = signing_key.load(record.pem.encode())
    request.view.delete(f"key-of/{reference.fingerprint(signing_key.public_der(key.public_key()))}")
    pki.key_names.unset(request, record)
    pki.keys(request).delete(record.id)


class Keys(Path):
    """The keys of this mount."""

    pattern = "keys/?"
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many IDs.", query=True)

    async def list(self, pki: Pki, request: Request) -> dict[str, Any] | None:
        """IDs of the keys, with their names and which is the default."""
        ids = await pki.keys(request).list("", self.after, self.limit)
        default = (await pki.config(request)).default_key
        info = {}
        for one in ids:
            record = await pki.keys(request).get(one)
            if record is not None:
                info[one] = {"key_name": record.name, "is_default": one == default}
        return {"keys": ids, "key_info": info} if ids else None


class KeyPath(Path):
    """A key of this mount; what is secret of it is never told."""

    pattern = "key/{key_ref}"
    key_ref: str = field("Name or ID of the key, or default.")
    key_name: str = field("New name of the key.")

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """The key's name, kind and identifier."""
        record = await pki.key(request, self.key_ref)
        described = _described(record)
        described["subject_key_id"] = record.key_id
        return described

    async def write(self, pki: Pki, request: Request) -> Response:
        """Rename the key."""
        record = await pki.key(request, self.key_ref)
        await pki.key_names.set(request, record, self.key_name)
        pki.keys(request).put(record.id, record)
        note = f"the key has no name now; it goes by its ID: {record.id}"
        return Response(data=_described(record), warnings=[] if record.name else [note])

    async def delete(self, pki: Pki, request: Request) -> Response:
        """Remove the key, unless an issuer signs with it."""
        record = await pki.key_or_none(request, self.key_ref)
        if record is None:
            return Response()
        for issuer in await pki.all_issuers(request):
            if issuer.key_id == record.id:
                raise BadRequest(f"Failed to Delete Key.  Key in Use by Issuer: {issuer.id}")
        forget(pki, request, record)
        config = await pki.config(request)
        warnings = []
        if config.default_key == record.id:
            config.default_key = ""
            pki.keep_config(request, config)
            warnings.append("it was the default key: name another one in config/keys")
        return Response(warnings=warnings)


def _described(record: Key) -> dict[str, Any]:
    return {"key_id": record.id, "key_name": record.name, "key_type": record.kind}


class _Fresh(Path):
    """What a fresh key is to be."""

    key_name: str = field("Name for the key.")
    key_type: str = field("Kind of the key: rsa, ec, ed25519 or mldsa.", default="rsa")
    key_bits: int = field("Size of the key; 0 is the usual one of its kind.")
    external_key_ref: str = field("A key outside; not supported.")


class GenerateKey(_Fresh):
    """A fresh key in this mount."""

    pattern = "keys/generate/{exported}"
    reads_write = True
    exported: str = field(
        "internal keeps the key to this mount; exported answers it, this once; kms is refused."
    )

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Draw the key."""
        check_exported(self.exported, ("internal", "exported", "kms"))
        refuse_outside(self.external_key_ref)
        try:
            key = await drawn(request, self.key_type, self.key_bits)
        except BadRequest as error:
            raise BadRequest(f"Validation for key_type, key_bits failed: {error.public}") from None
        record, _ = await kept(pki, request, key, self.key_name)
        answer = _described(record)
        if self.exported == "exported":
            answer["private_key"] = signing_key.pem(key, pkcs8=False)
        return answer


class ImportKey(Path):
    """A key from elsewhere."""

    pattern = "keys/import"
    key_name: str = field("Name for the key.")
    pem_bundle: str = field("The private key, as PEM, without a password.", sensitive=True)

    async def write(self, pki: Pki, request: Request) -> Response:
        """Store the key; one that is here already is not stored again."""
        if len(self.pem_bundle) < SHORTEST:
            raise BadRequest(TOO_SHORT)
        certificates, keys = parsed_bundle(self.pem_bundle)
        if len(keys) != 1 or certificates:
            raise BadRequest("only a single key can be present within the pem_bundle for importing")
        record, fresh = await kept(pki, request, keys[0], self.key_name)
        warnings = [] if fresh else ["the key is here already; its name stays"]
        return Response(data=_described(record), warnings=warnings)


def parsed_bundle(text: str) -> tuple[list[Any], list[SigningKey]]:
    """Certificates and keys of a PEM text. Raises BadRequest."""
    try:
        return pem.blocks(text)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def check_exported(how: str, known: tuple[str, ...]) -> None:
    """Raise BadRequest for a way to generate that there is not, or that is not served."""
    if how not in known:
        raise NotFound
    if how == "kms":
        raise BadRequest("keys of a KMS are not supported by this mount; use internal, exported or existing")


def refuse_outside(reference_: str) -> None:
    """Raise BadRequest where a key outside is named."""
    if reference_:
        raise BadRequest("external keys are not supported by this mount")
