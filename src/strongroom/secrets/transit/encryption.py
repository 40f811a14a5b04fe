"""Encryption, decryption, and both in one: bringing ciphertexts to the newest version of their key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import asymmetric
from strongroom.crypto.aead import Unopenable
from strongroom.errors import BadRequest
from strongroom.framework.field import Anything, field
from strongroom.framework.path import Path
from strongroom.logical import Operation, Request, Response
from strongroom.secrets.transit import batch, creation, wire
from strongroom.secrets.transit.kind import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.secrets.transit.engine import Transit
    from strongroom.secrets.transit.key import Key
    from strongroom.secrets.transit.ready import Ready

NO_KEY = "encryption key not found"
NO_PLAINTEXT = "missing plaintext to encrypt"
NO_CIPHERTEXT = "missing ciphertext to decrypt"
CIPHERTEXT = "invalid ciphertext"
_NOT_AEAD = "'[{}].associated_data' provided for non-AEAD cipher suite {}"
_FORGED = "cipher: message authentication failed"
_SHORT = "invalid ciphertext length"
_PARTIAL = "Status of the answer when some inputs of a batch fail and others do not; else it is 400."
_CONTEXT = "Base64 of the context; required where the key is derived."
_AAD = "Base64 of what is authenticated with the text and not stored with it."
_BATCH = (
    "Inputs to be processed in one request: objects with the fields of a single one, and a `reference` that"
    " is repeated in the result. Fields beside it are then ignored."
)
_VERSION = "Version of the key that encrypts; 0 is the latest."


class Worker:
    """Encrypts and decrypts by one key. Versions are read once, however many inputs there are."""

    __slots__ = ("_aead", "_name", "_ready", "_request", "_seals", "_transit", "key")

    def __init__(self, transit: Transit, request: Request, name: str, key: Key) -> None:
        self._transit, self._request, self._name = transit, request, name
        self.key = key.usable()
        current = transit.rings.current(key)
        self._ready: dict[int, Ready] = {} if current is None else {key.latest: current}
        self._aead = key.kind.family == "aead"
        self._seals: dict[int, Callable[[bytes, bytes | None], bytes]] = {}

    async def ready(self, number: int) -> Ready:
        """A version, ready."""
        found = self._ready.get(number)
        if found is None:
            found = await self._transit.rings.version(self._request, self._name, self.key, number)
            self._ready[number] = found
        return found

    async def encrypt(self, entry: dict[str, Any], plaintext: bytes, at: int = 0) -> dict[str, Any]:
        """The result of an input whose plaintext is this. Raises BadRequest."""
        wanted = entry.get("key_version")
        number = self.key.encrypting(wanted) if wanted else self.key.latest
        context, data = entry.get("context"), entry.get("associated_data")
        about = wire.decode(context) if context else b""
        seal = self._seals.get(number)
        if seal is not None:
            sealed = seal(plaintext, wire.decode(data) if data else None)
        elif self._aead:
            sealer = (self._ready.get(number) or await self.ready(number)).sealer(about)
            if not self.key.derived:
                self._seals[number] = sealer.seal
            sealed = sealer.seal(plaintext, wire.decode(data) if data else None)
        else:
            sealed = self._encrypt_rsa(await self.ready(number), plaintext, data, at)
        return {"ciphertext": f"vault:v{number}:{wire.encode(sealed)}", "key_version": number}

    def _encrypt_rsa(self, ready: Ready, plaintext: bytes, data: Any, at: int) -> bytes:
        if not self.key.kind.encrypts:
            raise BadRequest(f"message encryption not supported for key type {self.key.type}")
        if data:
            raise BadRequest(_NOT_AEAD.format(at, self.key.type))
        try:
            return asymmetric.encrypt(ready.public(), plaintext)
        except ValueError:
            raise BadRequest("the plaintext is too long for a key of this size") from None

    async def decrypt(self, entry: dict[str, Any], at: int = 0) -> bytes:
        """The plaintext of an input. Raises BadRequest."""
        key = self.key
        if not key.kind.encrypts:
            raise BadRequest(f"message decryption not supported for key type {key.type}")
        context, data = entry.get("context"), entry.get("associated_data")
        about = wire.decode(context) if context else b""
        aad = wire.decode(data) if data else None
        number, body = wire.parse(entry["ciphertext"], CIPHERTEXT)
        number = key.decrypting(number or 1, CIPHERTEXT)
        ready = self._ready.get(number) or await self.ready(number)
        try:
            sealed = wire.decode(body)
        except BadRequest:
            raise BadRequest(f"{CIPHERTEXT}: could not decode base64") from None
        if key.kind.family == "rsa":
            return self._decrypt_rsa(ready, sealed, data, at)
        try:
            return ready.sealer(about).open(sealed, aad)
        except Unopenable:
            raise BadRequest(_SHORT if len(sealed) < 28 else _FORGED) from None

    def _decrypt_rsa(self, ready: Ready, sealed: bytes, data: Any, at: int) -> bytes:
        if data:
            raise BadRequest(_NOT_AEAD.format(at, self.key.type))
        private = ready.private()
        if private is None:
            raise BadRequest("cannot decrypt ciphertext, key version does not have a private counterpart")
        try:
            return asymmetric.decrypt(private, sealed)
        except ValueError:
            raise BadRequest("failed to RSA decrypt the ciphertext") from None


class Encrypt(Path):
    """Encrypt data that is stored elsewhere."""

    pattern = "encrypt/{name}"
    looks_up = True
    name: str = field("Name of the key.")
    plaintext: str = field("Base64 of the data.", sensitive=True)
    context: str = field(_CONTEXT, sensitive=True)
    associated_data: str = field(_AAD)
    key_version: int = field(_VERSION)
    type: str = field(
        "Type of the key that is made if there is none of the name: one that encrypts with a symmetric key.",
        default=DEFAULT,
    )
    convergent_encryption: bool = field("Whether the key that is made encrypts convergently.")
    partial_failure_response_code: int = field(_PARTIAL)
    batch_input: Anything = field(_BATCH)

    async def exists(self, transit: Transit, request: Request) -> bool:
        """Whether there is a key of the name: if not, it is made, and that needs leave to create."""
        request.scratch["transit key"] = key = await transit.rings.find(request, self.name)
        return key is not None

    async def write(self, transit: Transit, request: Request) -> Response | dict[str, Any]:
        """The ciphertext, and the version of the key that made it."""
        if "batch_input" in self.given:
            return await self._batch(transit, request)
        if "plaintext" not in self.given:
            raise BadRequest(NO_PLAINTEXT)
        entry = {
            "context": self.context,
            "associated_data": self.associated_data,
            "key_version": self.key_version,
        }
        worker = await self._worker(transit, request, bool(self.context))
        return await worker.encrypt(entry, wire.decode(self.plaintext))

    async def _batch(self, transit: Transit, request: Request) -> Response:
        inputs = batch.items(self.batch_input, "plaintext", NO_PLAINTEXT)
        batch.check_contexts(inputs)
        worker = await self._worker(transit, request, bool(inputs[0].get("context")))
        results: list[dict[str, Any]] = []
        for at, entry in enumerate(inputs):
            await batch.breathe(at, worker.key)
            try:
                result = await worker.encrypt(entry, wire.decode(entry["plaintext"]), at)
            except BadRequest as refusal:
                result = {"error": refusal.public}
            result["reference"] = entry.get("reference") or ""
            results.append(result)
        code = self.partial_failure_response_code if "partial_failure_response_code" in self.given else None
        return batch.answer(results, code)

    async def _worker(self, transit: Transit, request: Request, in_context: bool) -> Worker:
        key = request.scratch.get("transit key") or await transit.rings.find(request, self.name)
        if key is None:
            if request.operation is not Operation.CREATE or await transit.upsert_disabled(request):
                raise BadRequest(NO_KEY)
            key = await creation.upsert(
                request, self.name, self.type, derived=in_context, convergent=self.convergent_encryption
            )
        return Worker(transit, request, self.name, key)


class _Existing(Path):
    """A path that works with a key that is there."""

    name: str = field("Name of the key.")

    async def worker(self, transit: Transit, request: Request) -> Worker:
        """What works with the key. Raises BadRequest where there is none of the name."""
        key = await transit.rings.find(request, self.name)
        if key is None:
            raise BadRequest(NO_KEY)
        return Worker(transit, request, self.name, key)


class Decrypt(_Existing):
    """Decrypt what a key of this mount encrypted."""

    pattern = "decrypt/{name}"
    looks_up = True
    ciphertext: str = field("What encryption gave.")
    context: str = field(_CONTEXT, sensitive=True)
    associated_data: str = field(_AAD)
    partial_failure_response_code: int = field(_PARTIAL)
    batch_input: Anything = field(_BATCH)

    async def write(self, transit: Transit, request: Request) -> Response | dict[str, Any]:
        """Base64 of the data."""
        if "batch_input" in self.given:
            return await self._batch(transit, request)
        if not self.ciphertext:
            raise BadRequest(NO_CIPHERTEXT)
        worker = await self.worker(transit, request)
        entry = {
            "ciphertext": self.ciphertext,
            "context": self.context,
            "associated_data": self.associated_data,
        }
        return {"plaintext": wire.encode(await worker.decrypt(entry))}

    async def _batch(self, transit: Transit, request: Request) -> Response:
        inputs = batch.items(self.batch_input, "ciphertext", NO_CIPHERTEXT)
        batch.check_contexts(inputs)
        worker = await self.worker(transit, request)
        results: list[dict[str, Any]] = []
        for at, entry in enumerate(inputs):
            await batch.breathe(at, worker.key)
            try:
                result = {"plaintext": wire.encode(await worker.decrypt(_ciphered(entry), at))}
            except BadRequest as refusal:
                result = {"plaintext": "", "error": refusal.public}
            result["reference"] = entry.get("reference") or ""
            results.append(result)
        code = self.partial_failure_response_code if "partial_failure_response_code" in self.given else None
        return batch.answer(results, code)


class Rewrap(_Existing):
    """Encrypt again what a key encrypted, by its latest version, without showing the data."""

    pattern = "rewrap/{name}"
    looks_up = True
    ciphertext: str = field("What encryption gave.")
    context: str = field(_CONTEXT, sensitive=True)
    key_version: int = field(_VERSION)
    batch_input: Anything = field(_BATCH)

    async def write(self, transit: Transit, request: Request) -> Response | dict[str, Any]:
        """The new ciphertext, and the version of the key that made it."""
        if "batch_input" in self.given:
            return await self._batch(transit, request)
        if not self.ciphertext:
            raise BadRequest(NO_CIPHERTEXT)
        worker = await self.worker(transit, request)
        entry = {"ciphertext": self.ciphertext, "context": self.context, "key_version": self.key_version}
        return await _again(worker, entry)

    async def _batch(self, transit: Transit, request: Request) -> Response:
        inputs = batch.texts(self.batch_input)
        batch.check_contexts(inputs)
        worker = await self.worker(transit, request)
        results: list[dict[str, Any]] = []
        for at, entry in enumerate(inputs):
            await batch.breathe(at, worker.key)
            try:
                result = await _again(worker, _ciphered(entry))
            except BadRequest as refusal:
                result = {"error": refusal.public}
            result["reference"] = entry.get("reference") or ""
            results.append(result)
        return Response(data={"batch_results": results})


def _ciphered(entry: dict[str, Any]) -> dict[str, Any]:
    """The input, which has something to decrypt. Raises BadRequest."""
    if not entry.get("ciphertext"):
        raise BadRequest(NO_CIPHERTEXT)
    return entry


async def _again(worker: Worker, entry: dict[str, Any]) -> dict[str, Any]:
    wanted = {name: entry.get(name) for name in ("ciphertext", "context", "key_version")}
    return await worker.encrypt(wanted, await worker.decrypt(wanted))


PATHS: tuple[type[Path], ...] = (Encrypt, Decrypt, Rewrap)
