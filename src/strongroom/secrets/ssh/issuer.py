"""Issuers: the keys that sign certificates, each with an ID, perhaps a name, one of them the default."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from dataclasses import field as item
from typing import Any

from strongroom.crypto import private_key, ssh_key
from strongroom.crypto.entropy import uuid4_str
from strongroom.crypto.private_key import PrivateKey
from strongroom.crypto.ssh_key import BadKey, PublicKey
from strongroom.errors import BadRequest, multierror
from strongroom.framework.record import stored
from strongroom.logical import Request

DEFAULT = "default"
NONE = "no default issuer currently configured"
_NAME = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)


@dataclass(slots=True)
class Issuer:
    """An issuer. ``public_key`` is the line that servers trust, ``private`` PEM."""

    id: str
    name: str
    public_key: str
    private: str = item(repr=False)

    def described(self) -> dict[str, Any]:
        """The issuer as it is read, never its private key."""
        return {"issuer_id": self.id, "issuer_name": self.name, "public_key": self.public_key}


@dataclass(slots=True)
class Reference:
    """A row of an index: the ID of the issuer that has a name or a key; in ``config`` that of the default."""

    id: str


issuers = stored(Issuer, under="issuer/")
_names = stored(Reference, under="issuer-name/")
_keys = stored(Reference, under="issuer-key/")
_config = stored(Reference, under="config/")


async def default_id(request: Request) -> str:
    """The ID of the default issuer. Raises BadRequest when there is none."""
    found = await _config(request).get(DEFAULT)
    if found is None:
        raise BadRequest(NONE)
    return found.id


def set_default(request: Request, issuer: Issuer) -> None:
    """Make an issuer the default one."""
    _config(request).put(DEFAULT, Reference(issuer.id))


async def find(request: Request, reference: str) -> Issuer:
    """The issuer of an ID or a name, or the default one. Raises BadRequest."""
    wanted = await default_id(request) if reference == DEFAULT else reference
    found = await issuers(request).get(wanted)
    if found is None and (named := await _names(request).get(wanted)) is not None:
        found = await issuers(request).get(named.id)
    if found is None:
        raise BadRequest(f"unable to find issuer for reference: {reference}")
    return found


async def check_name(request: Request, name: str, issuer_id: str = "") -> None:
    """Raise BadRequest for a name that an issuer, that of the ID, cannot have."""
    if name == DEFAULT:
        raise BadRequest("reserved keyword 'default' can not be used as issuer name")
    if name and not _NAME.fullmatch(name):
        raise BadRequest("issuer name contained invalid characters")
    named = await _names(request).get(name) if name else None
    if named is not None and named.id != issuer_id:
        raise BadRequest("issuer name already in use")


async def rename(request: Request, issuer: Issuer, name: str) -> None:
    """Give an issuer another name, or none. Raises BadRequest."""
    await check_name(request, name, issuer.id)
    if issuer.name:
        _names(request).delete(issuer.name)
    issuer.name = name
    _put(request, issuer)


async def by_key(request: Request, key: PublicKey) -> Issuer | None:
    """The issuer that has a key."""
    found = await _keys(request).get(key.hash)
    return None if found is None else await issuers(request).get(found.id)


async def add(request: Request, name: str, key: PrivateKey, line: str) -> Issuer:
    """Store a new issuer, the first of all as the default one. Raises BadRequest for its name.

    ``line`` is what is shown of its key.
    """
    await check_name(request, name)
    issuer = Issuer(uuid4_str(), name, line, private_key.pem(key))
    if not await issuers(request).list(limit=1):
        set_default(request, issuer)
    _keys(request).put(ssh_key.public_of(key).hash, Reference(issuer.id))
    _put(request, issuer)
    return issuer


def _put(request: Request, issuer: Issuer) -> None:
    issuers(request).put(issuer.id, issuer)
    if issuer.name:
        _names(request).put(issuer.name, Reference(issuer.id))


async def remove(request: Request, issuer: Issuer) -> bool:
    """Forget an issuer with its key. Whether it was the default, of which there is none then."""
    issuers(request).delete(issuer.id)
    _names(request).delete(issuer.name)
    _keys(request).delete(ssh_key.read_public(issuer.public_key).hash)
    default = await _config(request).get(DEFAULT)
    if default is None or default.id != issuer.id:
        return False
    _config(request).delete(DEFAULT)
    return True


async def drawn(request: Request, type_: str, bits: int) -> PrivateKey:
    """A fresh key, drawn beside the event loop and once a request. Raises BadKey."""
    kept = ("ssh key", type_, bits)
    if kept not in request.once:
        request.once[kept] = await asyncio.to_thread(ssh_key.draw, type_, bits)
    key: PrivateKey = request.once[kept]
    return key


@dataclass(slots=True)
class Submission:
    """What is submitted as an issuer: a pair of keys, or which key to generate."""

    public_key: str
    private_key: str
    generate: bool | None
    key_type: str
    key_bits: int

    async def key(self, request: Request) -> tuple[PrivateKey, str]:
        """The private key and the line of its public half. Raises BadRequest."""
        public, private = self.public_key, self.private_key
        if public or private:
            if self.generate:
                raise BadRequest(
                    "public_key and private_key must not be set when generate_signing_key is set to true"
                )
            if not (public and private):
                raise BadRequest(
                    "only one of public_key and private_key set; "
                    "both must be set to use, or both must be blank to auto-generate"
                )
            return self._given()
        if self.generate is False:
            raise BadRequest("missing public_key")
        try:
            key = await drawn(request, self.key_type, self.key_bits)
        except BadKey as error:
            raise BadRequest(multierror(str(error))) from None
        return key, ssh_key.public_of(key).line + "\n"

    def _given(self) -> tuple[PrivateKey, str]:
        try:
            public = ssh_key.read_public(self.public_key)
        except BadKey as error:
            raise BadRequest(f"could not parse public_key provided value: {error}") from None
        try:
            key = ssh_key.read_private(self.private_key)
            own = ssh_key.public_of(key)
        except BadKey as error:
            raise BadRequest(f"could not parse private_key provided value: {error}") from None
        if own.blob != public.blob:
            raise BadRequest("public_key and private_key do not belong together")
        if own.family == "rsa" and own.bits < ssh_key.SMALLEST_RSA:
            raise BadRequest(f"refusing a weak rsa key: {own.bits} bits < {ssh_key.SMALLEST_RSA} bits")
        if len(self.public_key.strip().splitlines()) != 1:
            raise BadRequest("public_key is one line")
        return key, self.public_key


_LARGEST_CACHE = 64


class Signers:
    """Private keys of issuers, read once: a cache, asked with the row that it must agree with."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, PrivateKey]] = {}

    def of(self, issuer: Issuer) -> PrivateKey:
        """The private key of an issuer."""
        kept = self._kept.get(issuer.id)
        if kept is not None and kept[0] == issuer.private:
            return kept[1]
        if len(self._kept) >= _LARGEST_CACHE:
            self._kept.clear()
        key = private_key.load(issuer.private.encode())
        self._kept[issuer.id] = (issuer.private, key)
        return key

    def forget(self) -> None:
        """Let go of all keys."""
        self._kept.clear()
