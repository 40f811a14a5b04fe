"""The method: its login, its roles, and what becomes of their tokens.

Source of the behaviour: the ``auth/approle`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.auth.approle.issuing import SECRET_IDS
from strongroom.auth.approle.role import Role, RoleId, RolePath, Roles
from strongroom.auth.approle.secret_id import SecretId, SecretIds, hashed
from strongroom.auth.approle.setting import SETTINGS
from strongroom.crypto.digest import digest
from strongroom.crypto.entropy import base62, random_bytes, uuid4_str
from strongroom.errors import BadRequest, Internal, InvalidCredentials, NotFound
from strongroom.framework.backend import Backend
from strongroom.framework.claim import Claim, Claiming
from strongroom.framework.field import field
from strongroom.framework.record import stored
from strongroom.framework.token_fields import refuse_outside, within
from strongroom.logical import Auth, Request, Response

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.token import TokenEntry

_INVALID = "invalid role or secret ID"
_DECOY = "role"


class Login(Claiming):
    """A machine's login: its role's ID and a secret ID for a token."""

    pattern = "login"
    unauthenticated = True
    role_id: str = field("ID of the role.")
    secret_id: str = field("Secret ID of that role, unless the role needs none.", sensitive=True)
    role_name: str | None = None

    async def claim(self, approle: AppRole, request: Request) -> Claim:
        """The role whose secret ID is tried, by its ID."""
        self.role_name = await approle.role_name(request, self.role_id)
        return Claim(self.role_id.strip(), known=bool(self.role_name))

    async def write(self, approle: AppRole, request: Request) -> Response:
        """Issue a token, and count one use of the secret ID, if it has so many.

        A role that there is not is refused as a secret ID that is wrong, in the same words and with the same
        work. A login that fails uses nothing up.
        """
        if not self.role_id.strip():
            raise BadRequest("missing role_id")
        if self.role_name is None:
            self.role_name = await approle.role_name(request, self.role_id)
        role = await approle.role_to_try(request, self.role_name)
        secret_id = await self._proof(approle, request, role)
        if role.secret_id_bound_cidrs and not within(request.remote_address, role.secret_id_bound_cidrs):
            raise BadRequest("source address unauthorized by CIDR restrictions on the role")
        auth = role.tokens.auth(request, alias=role.role_id)
        metadata = {"role_name": role.name}
        if secret_id is not None:
            metadata = secret_id.metadata | metadata
            if secret_id.token_bound_cidrs:
                refuse_outside(request, secret_id.token_bound_cidrs)
                if not role.tokens.token_strictly_bind_ip:
                    auth.bound_cidrs = list(secret_id.token_bound_cidrs)
        auth.metadata = auth.alias_metadata = metadata
        auth.internal = {"role_name": role.name}
        return Response(auth=auth)

    async def _proof(self, approle: AppRole, request: Request, role: Role) -> SecretId | None:
        """The secret ID that is presented, with one use less; None for a role that needs none."""
        if not role.bind_secret_id:
            return None
        if not self.secret_id:
            raise BadRequest("missing secret_id")
        ids = approle.secret_ids(request, role)
        name = hashed(role, self.secret_id)
        found = await ids.get(name)
        if found is None:
            raise InvalidCredentials(_INVALID)
        if found.cidr_list and not within(request.remote_address, found.cidr_list):
            raise BadRequest("source address unauthorized by CIDR restrictions on the secret ID")
        ids.use(name, found)
        return found


class AppRole(Backend):
    """Logins of machines: a role's ID, which is no secret, and a secret ID, which belongs to the role.

    Whoever sets a machine up gives it the one, and another system the other: neither can log in alone.
    """

    type: ClassVar[str] = "approle"
    kind: ClassVar[str] = "auth"
    paths = (Login, *SECRET_IDS, Roles, RolePath, RoleId, *SETTINGS)
    roles = stored(Role, under="role/")
    decoys = stored(Role, under="decoy/")

    async def enabled(self, request: Request, view: View) -> None:
        """Make the role that logins under an unknown ID are held against, which has no secret IDs."""
        self.decoys.within(view).put(_DECOY, self.new_role(_DECOY))

    @property
    def longest(self) -> int:
        """The longest TTL of the mount, in seconds."""
        longest: int = self.core.ttls(self.mount)[1]
        return longest

    # -- roles -----------------------------------------------------------------------------------

    def new_role(self, name: str) -> Role:
        """A role that has never been, under an ID made up."""
        return Role(name=name.lower(), key=base62(16), salt=random_bytes(32), role_id=uuid4_str())

    async def role(self, request: Request, name: str) -> Role | None:
        """The role of that name."""
        return await self.roles(request).get(name.lower())

    async def require(self, request: Request, name: str) -> Role:
        """The role of that name. Raises NotFound."""
        role = await self.role(request, name)
        if role is None:
            raise NotFound(f'role "{name}" does not exist')
        return role

    async def role_name(self, request: Request, role_id: str) -> str:
        """The name of the role that an ID logs in as; empty when it is the ID of none."""
        name = await request.view.get(_index(role_id.strip()))
        return "" if name is None else name.decode()

    async def role_to_try(self, request: Request, name: str) -> Role:
        """The role of that name; without one the role that nobody gets in by."""
        role = await (self.role(request, name) if name else self.decoys(request).get(_DECOY))
        if role is None:
            raise Internal(cause=f"the role {name!r} is gone, but not its ID")
        return role

    async def claim(self, request: Request, role: Role, role_id: str) -> None:
        """Give a role an ID. Raises BadRequest when another role has it."""
        if not (role_id := role_id.strip()):
            raise BadRequest("role_id cannot be empty")
        owner = await request.view.get(_index(role_id))
        if owner is not None and owner.decode() != role.name:
            raise BadRequest("role_id already in use")
        request.view.delete(_index(role.role_id))
        request.view.put(_index(role_id), role.name.encode())
        role.role_id = role_id

    async def delete_role(self, request: Request, name: str) -> None:
        """Remove a role, its ID and its secret IDs."""
        role = await self.role(request, name)
        if role is None:
            return
        self.roles(request).delete(role.name)
        request.view.delete(_index(role.role_id))
        self.secret_ids(request, role).remove_all()

    def warnings(self, role: Role) -> list[str]:
        """What the mount will make of a role's tokens, where that is less than the role says."""
        if role.tokens.token_max_ttl <= self.longest:
            return []
        return ["token_max_ttl is beyond what the mount allows; tokens end when the mount says"]

    def secret_ids(self, request: Request, role: Role) -> SecretIds:
        """The secret IDs of a role."""
        return SecretIds(request.view, role, request.now)

    # -- what the core asks ----------------------------------------------------------------------

    async def role_of(self, request: Request) -> str:
        """The role that a login is for, which quotas go by; empty for any other request."""
        role_id: Any = request.data.get("role_id")
        if request.relative != "login" or not isinstance(role_id, str):
            return ""
        return await self.role_name(request, role_id)

    async def renew_login(self, request: Request, entry: TokenEntry) -> Auth | None:
        """What the role says today. Raises BadRequest when it is gone."""
        role = await self.role(request, str(entry.internal.get("role_name", "")))
        if role is None:
            raise BadRequest("the role that the token came of does not exist any more")
        return role.tokens.terms()


def _index(role_id: str) -> str:
    """Where the name of the role with that ID stands."""
    return "role-id/" + digest("sha2-256", role_id.encode()).hex()
