"""Roles: which certificates may log in, and with what."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.auth.cert import constraint
from strongroom.crypto import client_certificate
from strongroom.crypto.chain import allows_clients
from strongroom.crypto.client_certificate import NoCertificate, Trust, fingerprint, name_id
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.framework.token_fields import OlderTokenFields, TokenParameters, described_older
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.auth.cert.cert import Cert

MAX_RETRIES = 4
_RETRIES = range(11)
LISTS = (
    "allowed_names",
    "allowed_common_names",
    "allowed_dns_sans",
    "allowed_email_sans",
    "allowed_uri_sans",
    "allowed_organizational_units",
    "required_extensions",
    "allowed_metadata_extensions",
    "ocsp_servers_override",
)
PLAIN = (
    "certificate",
    "ocsp_enabled",
    "ocsp_ca_certificates",
    "ocsp_fail_open",
    "ocsp_query_all_servers",
    "ocsp_this_update_max_age",
    "ocsp_max_retries",
)


@dataclass(slots=True)
class Role:
    """Which certificates are trusted, what they have to say, and what the tokens of logins may be."""

    certificate: str = ""
    display_name: str = ""
    allowed_names: list[str] | None = None
    allowed_common_names: list[str] | None = None
    allowed_dns_sans: list[str] | None = None
    allowed_email_sans: list[str] | None = None
    allowed_uri_sans: list[str] | None = None
    allowed_organizational_units: list[str] | None = None
    required_extensions: list[str] | None = None
    allowed_metadata_extensions: list[str] | None = None
    ocsp_enabled: bool = False
    ocsp_ca_certificates: str = ""
    ocsp_servers_override: list[str] | None = None
    ocsp_fail_open: bool = False
    ocsp_query_all_servers: bool = False
    ocsp_this_update_max_age: int = 0
    ocsp_max_retries: int = MAX_RETRIES
    tokens: TokenParameters = item(default_factory=TokenParameters)
    older_names: list[str] = item(default_factory=list)

    @property
    def trust(self) -> Trust:
        """The certificates that the role trusts."""
        return client_certificate.trust(self.certificate)

    def described(self) -> dict[str, Any]:
        """The role as an answer shows it; a list that was never set is null."""
        plain = {name: getattr(self, name) for name in (*PLAIN, "display_name")}
        lists = {name: getattr(self, name) for name in LISTS}
        return plain | lists | described_older(self.tokens, self.older_names)

    def check(self) -> None:
        """Raise BadRequest for a role by which nobody could log in, or that cannot be understood."""
        try:
            trusted = self.trust
            client_certificate.bundle(self.ocsp_ca_certificates)
        except NoCertificate as error:
            raise BadRequest(str(error)) from None
        if not all(allows_clients(leaf) for leaf in trusted.leaves):
            raise BadRequest(
                "nonCA certificates should have TLS client authentication set as an extended key usage"
            )
        if self.ocsp_ca_certificates.strip() and not client_certificate.bundle(self.ocsp_ca_certificates):
            raise BadRequest("failed to parse ocsp_ca_certificates")
        if self.ocsp_max_retries not in _RETRIES:
            raise BadRequest(f"ocsp_max_retries must be >= 0 and <= {_RETRIES[-1]}")
        constraint.check(self.required_extensions or [], self.allowed_metadata_extensions or [])


def _beyond(tokens: TokenParameters, longest: int) -> list[str]:
    """What is told of times that no token of the mount can live for. All are seconds."""
    times = {"ttl": tokens.token_ttl, "max_ttl": tokens.token_max_ttl, "period": tokens.token_period}
    return [
        f"Given {name} of {seconds} seconds is more than the {longest} that a token here lives at most"
        for name, seconds in times.items()
        if seconds > longest
    ]


class RoleIndex:
    """Finds the roles that may fit a certificate, whatever number there is of them.

    ``anchor/<ID of the authority's name>/<role>`` and ``leaf/<fingerprint>/<role>``: a mark for each
    certificate that a role trusts.
    """

    def __init__(self, request: Request) -> None:
        self._view = request.view.sub("trusted/")

    def add(self, name: str, trust: Trust) -> None:
        """Have the role found."""
        for row in _rows(trust):
            self._view.mark(row + name)

    def remove(self, name: str, trust: Trust) -> None:
        """Have the role found no more."""
        for row in _rows(trust):
            self._view.delete(row + name)

    async def candidates(self, shown: client_certificate.ClientCertificate) -> list[str]:
        """The names of roles that may trust it, sorted."""
        folders = {f"leaf/{fingerprint(shown.leaf)}/", f"anchor/{name_id(shown.leaf.subject)}/"}
        folders |= {f"anchor/{name_id(one.issuer)}/" for one in (shown.leaf, *shown.sent)}
        return sorted({name for folder in sorted(folders) for name in await self._view.list(folder)})


def _rows(trust: Trust) -> set[str]:
    anchors = {f"anchor/{name_id(one.subject)}/" for one in trust.authorities}
    return anchors | {f"leaf/{fingerprint(one)}/" for one in trust.leaves}


ROLES = stored(Role, under="role/")


class Roles(Path):
    """The roles there are."""

    pattern = "certs/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, cert: Cert, request: Request) -> list[str]:
        """Names of the roles."""
        return await ROLES(request).list("", self.after, self.limit)


class RolePath(OlderTokenFields):
    """A role: the certificates it trusts, what they have to say, and what the tokens of logins may be.

    Names are compared with patterns in which ``*`` stands for any text; upper and lower case differ. A list
    that is empty allows everything; of one that is not, one pattern has to match.
    """

    pattern = "certs/{name}"
    reader_safe = True
    name: str = field("Name of the role; upper and lower case are the same.")
    certificate: str = field(
        "Certificates that are trusted, PEM: authorities, or a client's own. Where a client's own comes "
        "first it is the only one that is trusted."
    )
    display_name: str = field("What the tokens are called by; the name of the role if empty.")
    allowed_names: CommaList = field("Patterns for the common name, host or mail names.")
    allowed_common_names: CommaList = field("Patterns for the common name.")
    allowed_dns_sans: CommaList = field("Patterns for the alternative names that are hosts.")
    allowed_email_sans: CommaList = field("Patterns for the alternative names that are mail addresses.")
    allowed_uri_sans: CommaList = field("Patterns for the alternative names that are URIs.")
    allowed_organizational_units: CommaList = field("Patterns for the organizational units of the subject.")
    required_extensions: CommaList = field(
        "Extensions that all have to be there, as OID:PATTERN for those that are strings, or as "
        "hex:OID:PATTERN for any, compared in hex."
    )
    allowed_metadata_extensions: CommaList = field(
        "OIDs of extensions whose text goes into the metadata of the token, with dashes for the dots."
    )
    ocsp_enabled: bool = field("Ask OCSP responders whether the certificate was revoked.")
    ocsp_ca_certificates: str = field("Further authorities whose word counts for an OCSP answer, PEM.")
    ocsp_servers_override: CommaList = field("Responders to ask instead of those that the certificate names.")
    ocsp_fail_open: bool = field("Let in when no responder gives an answer that counts.")
    ocsp_query_all_servers: bool = field("Ask every responder; all of them have to answer that it is good.")
    ocsp_this_update_max_age: Duration = field("How old an OCSP answer may be; 0 is without limit.")
    ocsp_max_retries: int = field("How often a responder is asked again, 0 to 10.", default=MAX_RETRIES)
    period: Duration = field("Older name of token_period.", deprecated=True)
    lease: Duration = field("Oldest name of token_ttl.", deprecated=True)

    @property
    def key(self) -> str:
        """The name as it is stored."""
        return self.name.lower()

    async def read(self, cert: Cert, request: Request) -> dict[str, Any] | None:
        """The role."""
        role = await ROLES(request).get(self.key)
        return None if role is None else role.described()

    async def write(self, cert: Cert, request: Request) -> Response:
        """Create the role, or change what is given.

        TLS accepts the certificates that it trusts from the next connection on.
        """
        records, index = ROLES(request), RoleIndex(request)
        role = await records.get(self.key)
        if role is None:
            role = Role(display_name=self.key)
        elif role.certificate:
            index.remove(self.key, role.trust)
        for name in (*PLAIN, *LISTS):
            if name in self.given:
                setattr(role, name, getattr(self, name))
        if "display_name" in self.given:
            role.display_name = self.display_name or self.key
        role.older_names = self.tell_older(role.tokens, role.older_names)
        if "lease" in self.given and not self.given & {"ttl", "token_ttl"}:
            role.tokens.token_ttl, role.older_names = self.lease, sorted({*role.older_names, "ttl"})
        role.tokens.check()
        role.check()
        records.put(self.key, role)
        index.add(self.key, role.trust)
        request.trust_clients(self.key, role.trust.pem)
        return Response(warnings=_beyond(role.tokens, cert.core.ttls(cert.mount)[1]))

    async def delete(self, cert: Cert, request: Request) -> None:
        """Remove the role. Tokens that logins gave live on, but cannot be renewed."""
        role = await ROLES(request).get(self.key)
        if role is None:
            return
        ROLES(request).delete(self.key)
        RoleIndex(request).remove(self.key, role.trust)
        request.trust_clients(self.key, "")
