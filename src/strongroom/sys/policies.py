"""Policies: what tokens may do, and what generated passwords look like.

Source: the ``sys/policies`` and ``sys/policy`` parts of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest, CASMismatch, NotFound, StrongroomError, multierror
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response
from strongroom.policies import UNCHANGEABLE, PolicyRow
from strongroom.policy import password
from strongroom.policy.parser import parse_policy
from strongroom.policy.stanza import parse_time

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.sys.system import System

NEW_ONLY = -1
"""A check-and-set value that wants the policy not to exist yet."""


def describe(row: PolicyRow) -> dict[str, Any]:
    """A policy as it stands in an answer."""
    body: dict[str, Any] = {
        "allow_slashes_in_identity_templates": row.allow_slashes_in_identity_templates,
        "allow_wildcards_in_identity_templates": row.allow_wildcards_in_identity_templates,
        "cas_required": row.cas_required,
        "name": row.name,
        "policy": row.policy,
        "version": row.version,
    }
    if row.modified:
        body["modified"] = row.modified
    if row.expiration:
        body["expiration"] = row.expiration
    return body


class Policies(Path):
    """The ACL policies there are."""

    pattern = "policies/acl/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, system: System, request: Request) -> list[str]:
        """Names of the policies."""
        return await system.core.policies.names(request, self.after, self.limit)


class DetailedPolicies(Policies):
    """The ACL policies with all that is known of each."""

    pattern = "policies/detailed/acl/?"

    async def list(self, system: System, request: Request) -> dict[str, Any]:  # type: ignore[override]
        """Names of the policies, and each policy."""
        names = await super().list(system, request)
        rows = [await system.core.policies.get(request, name) for name in names]
        return {"keys": names, "key_info": {row.name: describe(row) for row in rows if row is not None}}


class PolicyPath(Path):
    """An ACL policy."""

    pattern = "policies/acl/{name*}"
    reader_safe = True
    name: str = field("Name of the policy; the same in any case.")
    policy: str = field("The rules, HCL or JSON, plain or base64.")
    cas: int = field("Write only if this is the current version; -1 if there is none yet.")
    cas_required: bool = field("Refuse later writes that do not name a version.")
    expiration: str = field("When the policy ends by itself, RFC 3339.")
    ttl: Duration = field("After which time the policy ends by itself.")
    allow_wildcards_in_identity_templates: bool = field("Let templated values hold * and +.")
    allow_slashes_in_identity_templates: bool = field("Let templated values hold slashes.")

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """The policy."""
        row = await system.core.policies.get(request, self.name)
        return None if row is None else describe(row)

    async def write(self, system: System, request: Request) -> Response:
        """Create or replace the policy. Raises BadRequest naming line and column of a mistake."""
        return await self.store(system.core, request, self.policy)

    async def patch(self, system: System, request: Request) -> Response:
        """Change what is given of the policy."""
        row = await system.core.policies.get(request, self.name)
        if row is None:
            raise NotFound
        return await self.store(system.core, request, self.policy or row.policy)

    async def store(self, core: Core, request: Request, text: str) -> Response:
        """Check and store the policy."""
        name = self.name.lower().strip()
        if name in UNCHANGEABLE:
            raise BadRequest(f'cannot update "{name}" policy')
        if not text:
            raise BadRequest("'policy' parameter not supplied or empty")
        text = _decoded(text)
        parsed(name, text)
        known = await core.policies.get(request, name)
        self._check_cas(known)
        row = PolicyRow(name, text, version=known.version + 1 if known else 1, modified=rfc3339(request.now))
        if known is not None:
            row.cas_required = known.cas_required
            row.expiration = known.expiration
            row.allow_slashes_in_identity_templates = known.allow_slashes_in_identity_templates
            row.allow_wildcards_in_identity_templates = known.allow_wildcards_in_identity_templates
        for setting in (
            "cas_required",
            "expiration",
            "allow_slashes_in_identity_templates",
            "allow_wildcards_in_identity_templates",
        ):
            if setting in self.given:
                setattr(row, setting, getattr(self, setting))
        if row.expiration:
            row.expiration = _future(row.expiration, request.now)
        if self.ttl and "expiration" in self.given:
            raise BadRequest("cannot supply both 'expiration' and 'ttl' for policies")
        if self.ttl:
            row.expiration = rfc3339(request.now + self.ttl * SECOND)
        core.policies.put(request, row)
        return Response()

    def _check_cas(self, known: PolicyRow | None) -> None:
        if "cas" not in self.given:
            if known is not None and (known.cas_required or self.cas_required):
                raise BadRequest("check-and-set parameter required for this call")
            return
        if self.cas == NEW_ONLY:
            if known is not None:
                raise CASMismatch("check-and-set parameter set to -1 on existing entry")
        elif self.cas != (known.version if known else 0):
            version = known.version if known else 0
            raise CASMismatch(
                f"check-and-set parameter {self.cas} did not match the current version {version}"
            )

    async def delete(self, system: System, request: Request) -> None:
        """Remove the policy; tokens that have it lose what it grants."""
        system.core.policies.delete(request, self.name.lower())


def _future(text: str, now: int) -> str:
    """A time in its one spelling. Raises BadRequest unless it is one, and yet to come."""
    try:
        end = parse_time(text)
    except ValueError:
        raise BadRequest(
            'Field validation failed: error converting input for field "expiration": '
            "could not parse string as date and time"
        ) from None
    if end <= now:
        raise BadRequest("refusing to update policy as expiration time has already elapsed")
    return rfc3339(end)


def parsed(name: str, text: str) -> None:
    """Raise BadRequest with the parser's sentence unless ``text`` is a policy."""
    try:
        parse_policy(name, text)
    except StrongroomError as error:
        sentence = error.public
        prefix = "failed to parse policy: "
        raise BadRequest(sentence if sentence.startswith(prefix) else prefix + sentence) from None


def _decoded(text: str) -> str:
    """Policies may come in base64."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text


class OldPolicies(Path):
    """Older path of policies/acl."""

    pattern = "policy/?"
    reader_safe = True

    async def read(self, system: System, request: Request) -> Response:
        """Names of the policies."""
        names = await system.core.policies.names(request)
        return Response(data={"keys": names, "policies": names}, flat=True)

    async def list(self, system: System, request: Request) -> Response:
        """Names of the policies."""
        return await self.read(system, request)


class OldPolicyPath(PolicyPath):
    """Older path of policies/acl."""

    pattern = "policy/{name*}"
    rules: str = field("Older name of policy.", deprecated=True)

    async def read(self, system: System, request: Request) -> Response | None:  # type: ignore[override]
        """The policy, with its text as ``rules``."""
        row = await system.core.policies.get(request, self.name)
        if row is None:
            return None
        body = describe(row)
        body["rules"] = body.pop("policy")
        return Response(data=body, flat=True)

    async def write(self, system: System, request: Request) -> Response:
        """Create or replace the policy."""
        response = await self.store(system.core, request, self.policy or self.rules)
        if self.rules and not self.policy:
            response.warnings.append("'rules' is deprecated, please use 'policy' instead")
        return response


# -- password policies -------------------------------------------------------------------------


def _passwords(core: Core, request: Request) -> View:
    return core.view(request.tx, f"{request.namespace.prefix}sys/password-policy/")


async def new_password(core: Core, request: Request, name: str) -> str:
    """A fresh password that follows a policy of the request's namespace. Raises BadRequest without one."""
    blob = await _passwords(core, request).get(name)
    if blob is None:
        raise BadRequest("no password policy found")
    return password.generate(password.parse(blob.decode()), random_bytes)


class NoPasswordPolicy(NotFound):
    """There is no password policy of that name."""

    def __init__(self) -> None:
        super().__init__(multierror("policy does not exist"))


class PasswordPolicies(Path):
    """The password policies there are."""

    pattern = "policies/password/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, system: System, request: Request) -> list[str]:
        """Names of the policies."""
        return await _passwords(system.core, request).list("", self.after, self.limit)


class PasswordPolicyPath(Path):
    """A password policy: length, and which characters in what number."""

    pattern = "policies/password/{name}"
    reader_safe = True
    name: str = field("Name of the policy.")
    policy: str = field("The rules, HCL or JSON, plain or base64.")

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The policy."""
        blob = await _passwords(system.core, request).get(self.name)
        if blob is None:
            raise NoPasswordPolicy
        return {"policy": blob.decode()}

    async def write(self, system: System, request: Request) -> None:
        """Create or replace the policy. It must be able to make passwords."""
        if not self.policy:
            raise BadRequest(multierror("missing policy"))
        text = _decoded(self.policy)
        password.generate(password.parse(text), random_bytes)
        _passwords(system.core, request).put(self.name, text.encode())

    async def delete(self, system: System, request: Request) -> None:
        """Remove the policy."""
        _passwords(system.core, request).delete(self.name)


class GeneratePassword(Path):
    """Passwords that follow a policy."""

    pattern = "policies/password/{name}/generate"
    reader_safe = True
    name: str = field("Name of the policy.")

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """A fresh password."""
        blob = await _passwords(system.core, request).get(self.name)
        if blob is None:
            raise NoPasswordPolicy
        return {"password": password.generate(password.parse(blob.decode()), random_bytes)}


class ResultantACL(Path):
    """What the calling token may do, path by path, for user interfaces."""

    pattern = "internal/ui/resultant-acl"
    reader_safe = True

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Exact and prefix paths with their capabilities."""
        found: dict[str, Any] = request.acl.resultant()
        return found


PATHS: tuple[type[Path], ...] = (
    Policies,
    DetailedPolicies,
    PolicyPath,
    OldPolicies,
    OldPolicyPath,
    PasswordPolicies,
    GeneratePassword,
    PasswordPolicyPath,
    ResultantACL,
)
