"""What ACME asks of the rest of the engine: certificates, by a role, issued and found again."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from strongroom.crypto import signing_key, signing_request
from strongroom.crypto.signing_request import SigningRequest
from strongroom.errors import BadRequest
from strongroom.logical import SECOND
from strongroom.secrets.pki import issuance, issue, revocation, stored, validity
from strongroom.secrets.pki.acme.identifier import DNS, IP, Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.issuance import Wanted
from strongroom.secrets.pki.role import Role

if TYPE_CHECKING:
    from strongroom.secrets.pki.acme.endpoint import Caller
    from strongroom.secrets.pki.acme.records import Order

_CN_LIMIT = 64
"""Characters that a common name may have (X.520)."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate that was issued. ``not_after`` is in seconds."""

    serial: str
    issuer: str
    not_after: int


async def role_of(caller: Caller) -> Role:
    """The role that a directory goes by, as it holds for ACME.

    Certificates have the names that were shown to be held and no others, and can be fetched afterwards.
    """
    directory = caller.directory
    if directory.role:
        found = await caller.pki.role(caller.request, directory.role)
    else:
        found = replace(issuance.verbatim(None), server_flag=True)
    role = replace(
        found,
        use_csr_common_name=False,
        use_csr_sans=False,
        no_store=False,
        max_ttl=await _limit(caller, found),
    )
    role.ttl = min(role.ttl, role.max_ttl)
    if directory.config.allow_role_ext_key_usage:
        return role
    return replace(
        role,
        server_flag=True,
        client_flag=False,
        code_signing_flag=False,
        email_protection_flag=False,
        ext_key_usage=[],
        ext_key_usage_oids=[],
    )


async def _limit(caller: Caller, role: Role) -> int:
    """How long certificates may be valid, in seconds: what the role, the mount, ACME and the issuer allow.

    No client can do anything about an issuer that ends soon, so certificates end with it.
    """
    _, longest = caller.pki.core.ttls(caller.request.mount)
    issuer = await caller.pki.signing_issuer(caller.request, caller.directory.issuer or role.issuer_ref)
    left = issuer.certificate.not_after - caller.request.now // SECOND
    if left <= 0:
        raise Problem("serverInternal", "the issuer of this directory has ended")
    return min(limit for limit in (role.max_ttl or longest, caller.directory.config.max_ttl, left) if limit)


def _wanted(identifiers: list[Identifier], common_name: str) -> Wanted:
    return Wanted(
        common_name=common_name,
        alt_names=[one.value for one in identifiers if one.type == DNS],
        ip_sans=[one.value for one in identifiers if one.type == IP],
        exclude_cn_from_sans=True,  # it is one of them
    )


async def refuse_identifiers(caller: Caller, identifiers: list[Identifier]) -> None:
    """Raises Problem for names that the role will not allow once they are shown to be held."""
    role = replace(await role_of(caller), require_cn=False)
    identity = await caller.pki.identity(caller.request, role)
    try:
        issuance.allowed_names(role, _wanted(identifiers, ""), None, identity)
    except BadRequest as error:
        raise Problem("rejectedIdentifier", error.public) from None


async def issue_for(caller: Caller, order: Order, der: bytes) -> Signed:
    """Issue the certificate of an order for the key of a request. Raises Problem."""
    csr = _read(caller, order, der)
    role = await role_of(caller)
    common_name = csr.subject.common_name.lower()
    if role.require_cn and not common_name:
        names = (one.value for one in order.identifiers if one.type == DNS and len(one.value) <= _CN_LIMIT)
        common_name = next(names, "")
        role.require_cn = bool(common_name)
    wanted = _wanted(order.identifiers, common_name)
    now = caller.request.now // SECOND
    if order.not_after and not role.not_after:
        wanted.ttl = max(1, order.not_after // SECOND - now)
    if order.not_before and not role.not_before:
        wanted.not_before = validity.written(order.not_before // SECOND)
    try:
        made = await issue.sign_by_role(
            caller.pki, caller.request, role, wanted, csr.public_key, issuer_ref=caller.directory.issuer
        )
    except BadRequest as error:
        raise Problem("badCSR", error.public) from None
    return Signed(made.certificate.serial, made.issuer.id, made.certificate.not_after)


def _read(caller: Caller, order: Order, der: bytes) -> SigningRequest:
    """The request, which has exactly the names of the order, and a key of its own. Raises Problem."""
    try:
        csr = signing_request.load(der)
        names, common_name = csr.names, csr.subject.common_name.lower()
    except ValueError as error:
        raise Problem("badCSR", str(error)) from None
    if names.emails or names.uris or names.others:
        raise Problem("badCSR", "the request has names of kinds that were not ordered")
    found = {Identifier(DNS, name.lower()) for name in names.dns}
    found |= {Identifier(IP, str(address)) for address in names.addresses}
    if common_name:
        found.add(_named(common_name))
    if found != set(order.identifiers):
        raise Problem("badCSR", "the request does not have exactly the names of the order")
    if signing_key.public_der(csr.public_key) == caller.key.der:
        raise Problem("badCSR", "the key of an account is not that of a certificate")
    return csr


def _named(common_name: str) -> Identifier:
    try:
        return Identifier(IP, str(ipaddress.ip_address(common_name)))
    except ValueError:
        return Identifier(DNS, common_name)


async def chain(caller: Caller, order: Order) -> str | None:
    """The certificate of an order and those above it, as PEM; None when it is not kept any more."""
    request, pki = caller.request, caller.pki
    leaf = await stored.find(request, order.serial)
    if leaf is None:
        return None
    issuer = await pki.issuers(request).get(order.issuer) or await revocation.issuer_of(pki, request, leaf)
    above = await pki.chain(request, issuer) if issuer is not None else []
    return "".join(one.pem + "\n" for one in (leaf, *above))
