"""Secret IDs as paths: made, listed, looked up and destroyed."""

from __future__ import annotations

from base64 import b64decode
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import orjson

from strongroom.auth.approle.role import Role
from strongroom.auth.approle.secret_id import MAX_LENGTH, SecretId, hashed, remove_ended
from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest, NotFound
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.framework.token_fields import check_cidrs
from strongroom.logical import SECOND, Request, Response

if TYPE_CHECKING:
    from strongroom.auth.approle.approle import AppRole

SWEPT = 64
"""How many secret IDs whose time is over one in 16 new ones takes along: four for each, so that none stay.

Not every new one looks for them, since two that do at once get in each other's way.
"""

TIDIED = 10_000
"""How many of them one tidy removes at most."""

_NO_ACCESSOR = "failed to find accessor entry for secret_id_accessor"


# -- new ones --------------------------------------------------------------------------------


class SecretIdFields(Path):
    """The bounds of a secret ID, within those of its role."""

    role_name: str = field("Name of the role.")
    metadata: str = field("Strings by key, as a JSON object: they go into the metadata of its tokens.")
    cidr_list: CommaList = field("Networks from which its logins come; within those of the role.")
    token_bound_cidrs: CommaList = field(
        "Networks from which its tokens can be used; within those of the role."
    )
    num_uses: int = field("How many logins it is good for; no more than the role says.")
    ttl: Duration = field("How long it is good; no longer than the role says.")

    async def issue(self, approle: AppRole, request: Request, secret_id: str) -> Response:
        """Store a secret ID of the role and show it, this once."""
        role = await approle.require(request, self.role_name)
        if not role.bind_secret_id:
            raise BadRequest("bind_secret_id is not set on the role")
        known = self._bounded(role, request.now, approle.longest)
        digest = hashed(role, secret_id)
        if not await approle.secret_ids(request, role).add(digest, known):
            raise BadRequest("the role has this secret ID already")
        if digest[0] == "0":
            await remove_ended(request.view, request.now, SWEPT)
        data = {
            "secret_id": secret_id,
            "secret_id_accessor": known.accessor,
            "secret_id_num_uses": known.num_uses,
            "secret_id_ttl": known.ttl,
        }
        return Response(data=data, accessor=known.accessor)

    def _bounded(self, role: Role, now: int, longest: int) -> SecretId:
        """What is to be known of it. Raises BadRequest for what goes beyond the role's bounds."""
        ttl = min(self._ttl(role), longest)
        return SecretId(
            accessor=uuid4_str(),
            created=now,
            updated=now,
            num_uses=self._num_uses(role),
            ttl=ttl,
            expires=now + ttl * SECOND if ttl else 0,
            cidr_list=within_role(self.cidr_list, role.secret_id_bound_cidrs),
            token_bound_cidrs=within_role(self.token_bound_cidrs, role.tokens.token_bound_cidrs),
            metadata=metadata_of(self.metadata),
        )

    def _num_uses(self, role: Role) -> int:
        if "num_uses" not in self.given:
            return role.secret_id_num_uses
        if self.num_uses < 0:
            raise BadRequest("num_uses cannot be negative")
        if role.secret_id_num_uses and not 0 < self.num_uses <= role.secret_id_num_uses:
            raise BadRequest("num_uses cannot be higher than the role's secret_id_num_uses")
        return self.num_uses

    def _ttl(self, role: Role) -> int:
        if "ttl" not in self.given:
            return role.secret_id_ttl
        if role.secret_id_ttl and not 0 < self.ttl <= role.secret_id_ttl:
            raise BadRequest("ttl cannot be longer than the role's secret_id_ttl")
        return self.ttl


class SecretIdPath(SecretIdFields):
    """A role's secret IDs: a new one, or the accessors of those there are."""

    pattern = "role/{role_name}/secret-id/?"
    reader_safe = True
    after: str = field("List accessors that come after this one.", query=True)
    limit: int = field("List at most this many accessors.", query=True)

    async def write(self, approle: AppRole, request: Request) -> Response:
        """Make up a secret ID. It is shown in this answer only, which is worth wrapping."""
        return await self.issue(approle, request, uuid4_str())

    async def list(self, approle: AppRole, request: Request) -> list[str]:
        """Accessors of the role's secret IDs."""
        role = await approle.role(request, self.role_name)
        if role is None:
            raise BadRequest(f'role "{self.role_name}" does not exist')
        return await approle.secret_ids(request, role).accessors(self.after, self.limit)


class CustomSecretId(SecretIdFields):
    """A secret ID that somebody else made up."""

    pattern = "role/{role_name}/custom-secret-id"
    secret_id: str = field("The secret ID; it has to be as hard to guess as one made here.", sensitive=True)

    async def write(self, approle: AppRole, request: Request) -> Response:
        """Give the role a secret ID of one's own."""
        if not self.secret_id.strip():
            raise BadRequest("missing secret_id")
        if len(self.secret_id.encode()) > MAX_LENGTH:
            raise BadRequest(f"the secret ID is longer than {MAX_LENGTH} bytes")
        return await self.issue(approle, request, self.secret_id)


# -- those there are -------------------------------------------------------------------------


class LookupSecretId(Path):
    """What is known of a secret ID, by the secret ID itself."""

    pattern = "role/{role_name}/secret-id/lookup"
    reader_safe = True
    looks_up = True
    role_name: str = field("Name of the role.")
    secret_id: str = field("The secret ID.", sensitive=True)

    async def write(self, approle: AppRole, request: Request) -> dict[str, Any] | None:
        """Its bounds and what is left of its uses; nothing when the role has no such secret ID."""
        role = await approle.require(request, self.role_name)
        found = await approle.secret_ids(request, role).get(hashed(role, given(self.secret_id, "secret_id")))
        return None if found is None else found.described()


class DestroySecretId(Path):
    """The end of a secret ID, by the secret ID itself."""

    pattern = "role/{role_name}/secret-id/destroy"
    role_name: str = field("Name of the role.")
    secret_id: str = field("The secret ID.", sensitive=True)

    async def write(self, approle: AppRole, request: Request) -> None:
        """Remove the secret ID. One that is not there is fine; tokens it made live on."""
        role = await approle.require(request, self.role_name)
        digest = hashed(role, given(self.secret_id, "secret_id"))
        ids = approle.secret_ids(request, role)
        if (found := await ids.get(digest)) is not None:
            ids.remove(digest, found)

    async def delete(self, approle: AppRole, request: Request) -> None:
        """Remove the secret ID. One that is not there is fine; tokens it made live on."""
        await self.write(approle, request)


class LookupAccessor(Path):
    """What is known of a secret ID, by its accessor."""

    pattern = "role/{role_name}/secret-id-accessor/lookup"
    reader_safe = True
    looks_up = True
    role_name: str = field("Name of the role.")
    secret_id_accessor: str = field("Accessor of the secret ID.")

    async def write(self, approle: AppRole, request: Request) -> Response:
        """Its bounds and what is left of its uses; never the secret ID."""
        role = await approle.require(request, self.role_name)
        accessor = given(self.secret_id_accessor, "secret_id_accessor")
        found = await approle.secret_ids(request, role).by_accessor(accessor)
        if found is None:
            return Response(data={"error": f'{_NO_ACCESSOR}: "{accessor}"'}, status=404)
        return Response(data=found[1].described())


class DestroyAccessor(Path):
    """The end of a secret ID, by its accessor."""

    pattern = "role/{role_name}/secret-id-accessor/destroy"
    role_name: str = field("Name of the role.")
    secret_id_accessor: str = field("Accessor of the secret ID.")

    async def write(self, approle: AppRole, request: Request) -> None:
        """Remove the secret ID; tokens it made live on."""
        role = await approle.require(request, self.role_name)
        accessor = given(self.secret_id_accessor, "secret_id_accessor")
        ids = approle.secret_ids(request, role)
        found = await ids.by_accessor(accessor)
        if found is None:
            raise NotFound(_NO_ACCESSOR)
        ids.remove(*found)

    async def delete(self, approle: AppRole, request: Request) -> None:
        """Remove the secret ID; tokens it made live on."""
        await self.write(approle, request)


class TidySecretId(Path):
    """Removal of the secret IDs whose time is over. New ones make room for themselves without it."""

    pattern = "tidy/secret-id"
    statuses = (("write", 202, "done"),)

    async def write(self, approle: AppRole, request: Request) -> Response:
        """Remove them now."""
        removed = await remove_ended(request.view, request.now, TIDIED)
        rest = "; there are more, for another tidy" if removed == TIDIED else ""
        return Response(status=202, warnings=[f"removed {removed} secret IDs whose time was over{rest}"])


def given(value: str, name: str) -> str:
    """What a request has to bring. Raises BadRequest."""
    if not value:
        raise BadRequest(f"missing {name}")
    return value


def within_role(networks: list[str], bounds: list[str]) -> list[str]:
    """Networks of a secret ID. Raises BadRequest unless each lies in one of its role's."""
    check_cidrs(networks)
    outer = [ip_network(bound, strict=False) for bound in bounds]
    for network in networks:
        inner = ip_network(network, strict=False)
        if outer and not any(
            inner.version == each.version and inner.subnet_of(each)  # type: ignore[arg-type]  # of one version
            for each in outer
        ):
            raise BadRequest("networks of a secret ID have to lie within those of its role")
    return networks


def metadata_of(text: str) -> dict[str, str]:
    """Strings by key from a JSON object, also in base64, or from ``k=v,k=v``. Raises BadRequest."""
    if not text:
        return {}
    for form in (text, _unpacked(text)):
        try:
            found = orjson.loads(form)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return found
        break
    pairs = [pair.partition("=") for pair in text.split(",")]
    if "\n" in text or text[0] in "{[" or not all(key and separator for key, separator, _ in pairs):
        raise BadRequest("failed to parse metadata: it is neither a JSON object of strings nor pairs k=v")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _unpacked(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


SECRET_IDS: tuple[type[Path], ...] = (
    SecretIdPath,
    CustomSecretId,
    LookupSecretId,
    DestroySecretId,
    LookupAccessor,
    DestroyAccessor,
    TidySecretId,
)
