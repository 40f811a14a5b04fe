"""The paths of roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.framework.field import Duration, Mapped, field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.ssh import otp
from strongroom.secrets.ssh.role import Role, lengths, options

if TYPE_CHECKING:
    from strongroom.secrets.ssh.engine import SSH


class Roles(Path):
    """The roles there are."""

    pattern = "roles/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, engine: SSH, request: Request) -> dict[str, Any] | None:
        """Names, and in ``key_info`` of which kind each is."""
        names = await engine.roles(request).list("", self.after, self.limit)
        found = {name: await engine.roles(request).get(name) for name in names}
        info = {name: role.summary() for name, role in found.items() if role is not None}
        return {"keys": names, "key_info": info} if names else None


class RolePath(Path):
    """A role: for whom certificates are signed, or for which hosts passwords are made."""

    pattern = "roles/{role@}"
    reader_safe = True
    role: str = field("Name of the role.")
    key_type: str = field("ca for certificates, otp for passwords that are good for one login.")
    default_user: str = field("The user where none is asked for; of a ca role perhaps several.")
    default_user_template: bool = field("default_user names the caller's entity: {{identity.entity.name}}.")
    allowed_users: str = field("Users that may be asked for, with commas; * for all.")
    allowed_users_template: bool = field("allowed_users names the caller's entity.")
    cidr_list: str = field("Networks of the hosts of an otp role, with commas.")
    exclude_cidr_list: str = field("Networks within these that do not belong to it.")
    port: int = field("Port of the SSH servers, told with a password.", default=22)
    ttl: Duration = field("Life of a certificate for which none is asked; 0 is the mount's own.")
    max_ttl: Duration = field("Longest life of a certificate; 0 is the mount's own.")
    not_before_duration: Duration = field(
        "How long before now a certificate starts to be valid, for clocks that are slow.", default=30
    )
    allowed_domains: str = field("Domains of host certificates, with commas; * for all.")
    allowed_domains_template: bool = field("allowed_domains names the caller's entity.")
    allow_bare_domains: bool = field("Host certificates may be for the allowed domains themselves.")
    allow_subdomains: bool = field("Host certificates may be for hosts below the allowed domains.")
    allow_user_certificates: bool = field("Certificates for users may be made.")
    allow_host_certificates: bool = field("Certificates for hosts may be made.")
    allow_user_key_ids: bool = field("Callers may choose the key ID, which the server's log shows.")
    allow_empty_principals: bool = field(
        "Certificates may name no user and no host: such a one is valid for all there are."
    )
    allow_commas_in_identity_templates: bool = field(
        "A value of the entity may hold commas, and so be several names."
    )
    allow_wildcards_in_identity_templates: bool = field("A value of the entity may hold * and ?.")
    key_id_format: str = field(
        "The key ID; {{token_display_name}}, {{role_name}} and {{public_key_hash}} are filled in."
    )
    allowed_critical_options: str = field("Critical options that may be asked for, with commas; none: all.")
    allowed_extensions: str = field("Extensions that may be asked for, with commas; * for all.")
    default_critical_options: Mapped = field("Critical options where none are asked for.")
    default_extensions: Mapped = field("Extensions where none are asked for.")
    default_extensions_template: bool = field("Values of default_extensions name the caller's entity.")
    allowed_user_key_lengths: Mapped = field(
        "Sizes of keys by type: rsa, ec, ed25519, or a type of SSH; a number or several. None: all but weak."
    )
    algorithm_signer: str = field(
        "How an RSA issuer signs: rsa-sha2-256, rsa-sha2-512 or ssh-rsa; default for the usual way.",
        default="default",
    )
    issuer_ref: str = field("ID or name of the issuer that signs.", default="default")

    async def read(self, engine: SSH, request: Request) -> dict[str, Any] | None:
        """The role."""
        role = await engine.roles(request).get(self.role)
        return None if role is None else role.described()

    async def write(self, engine: SSH, request: Request) -> None:
        """Create or replace the role. What was made by it before stays valid until it ends."""
        fields = {name: getattr(self, name) for name in self.given - {"role"} if hasattr(Role, name)}
        for name in ("default_critical_options", "default_extensions"):
            fields[name] = options(getattr(self, name), name)
        fields["allowed_user_key_lengths"] = lengths(self.allowed_user_key_lengths)
        fields["key_type"] = self.key_type
        for name, standard in (("algorithm_signer", "default"), ("issuer_ref", "default"), ("port", 22)):
            fields[name] = getattr(self, name) or standard
        role = Role(**fields)
        role.check()
        engine.roles(request).put(self.role, role)

    async def delete(self, engine: SSH, request: Request) -> None:
        """Remove the role, also from those that are for all addresses."""
        engine.roles(request).delete(self.role)
        await otp.forget_role(request, self.role)
