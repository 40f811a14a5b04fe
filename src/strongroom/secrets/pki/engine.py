"""The PKI secrets engine: the rows of a mount, and its paths.

Source of the behaviour: the PKI secrets engine in Vault's HTTP API documents.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec

from strongroom.crypto import signing_key
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.certificate_plan import Authority, Urls
from strongroom.crypto.signing_key import SigningKey
from strongroom.errors import BadRequest, NotFound
from strongroom.framework.backend import Backend
from strongroom.framework.path import Path
from strongroom.framework.record import stored as rows
from strongroom.logical import Request
from strongroom.secrets.pki import (
    authority,
    config,
    crl,
    crl_config,
    intermediate,
    issue,
    issuer,
    issuer_revocation,
    key,
    ocsp,
    revocation,
    role,
    signed_list,
    stored,
    tidy,
    validity,
)
from strongroom.secrets.pki.acme import paths as acme
from strongroom.secrets.pki.acme.nonce import Remembered
from strongroom.secrets.pki.acme.validations import Validations
from strongroom.secrets.pki.chain import Link, chains
from strongroom.secrets.pki.config import Config, rendered
from strongroom.secrets.pki.counts import Counts
from strongroom.secrets.pki.est import paths as est
from strongroom.secrets.pki.issuer import Issuer, no_issuer
from strongroom.secrets.pki.key import Key
from strongroom.secrets.pki.modified import second_of
from strongroom.secrets.pki.reference import DEFAULT, NameIndex
from strongroom.secrets.pki.role import Role
from strongroom.secrets.pki.stored import Revoked

if TYPE_CHECKING:
    from strongroom.mount import Mount

_CONFIG, _REMEMBERED = "config", "pki/config"
"""The row, and where a request remembers it."""
_KEPT_KEYS = 64
_KEPT_ROWS = 256

T = TypeVar("T")
_ROLE = msgspec.json.Decoder(Role)
_ISSUER = msgspec.json.Decoder(Issuer)
_KEY = msgspec.json.Decoder(Key)


class Pki(Backend):
    """Certificates: a mount is one or more authorities that issue them.

    Generate or import an *issuer*, describe in a *role* which certificates people may have, and let them
    *issue* or *sign*. What is revoked stands in the issuer's CRL, and OCSP tells of it.
    """

    type: ClassVar[str] = "pki"
    paths: ClassVar[tuple[builtins.type[Path], ...]] = (
        role.RolesPath,
        role.RolePath,
        issue.IssuePath,
        issue.SignPath,
        issue.SignVerbatim,
        issue.IssuerIssue,
        issue.IssuerSign,
        issue.IssuerSignVerbatim,
        authority.GenerateRoot,
        authority.GenerateRootIssuer,
        authority.RotateRoot,
        authority.Root,
        intermediate.GenerateIntermediate,
        intermediate.GenerateIntermediateIssuer,
        intermediate.CrossSign,
        intermediate.SetSigned,
        intermediate.SignIntermediate,
        intermediate.IssuerSignIntermediate,
        intermediate.SignSelfIssued,
        intermediate.IssuerSignSelfIssued,
        intermediate.ImportBundle,
        intermediate.ImportCert,
        intermediate.ConfigCa,
        issuer.Issuers,
        issuer.IssuerJson,
        issuer.IssuerPem,
        issuer.IssuerDer,
        issuer.IssuerPath,
        issuer_revocation.RevokeIssuer,
        crl.IssuerCrl,
        crl.IssuerDeltaCrl,
        crl.IssuerDeltaCrlFile,
        crl.IssuerCrlFile,
        key.Keys,
        key.GenerateKey,
        key.ImportKey,
        key.KeyPath,
        stored.Certs,
        stored.DetailedCerts,
        stored.RevokedCerts,
        crl.CertCrl,
        crl.CertDeltaCrl,
        stored.CertRawPem,
        stored.CertRaw,
        stored.CertPath,
        stored.CaRaw,
        stored.CaPem,
        stored.CaChain,
        revocation.Revoke,
        revocation.RevokeWithKey,
        config.ConfigIssuers,
        config.ConfigKeys,
        config.ConfigUrls,
        config.ConfigCluster,
        config.ReplaceRoot,
        crl_config.ConfigCrl,
        crl.Crl,
        crl.CrlPem,
        crl.DeltaCrl,
        crl.DeltaCrlPem,
        crl.RotateCrl,
        crl.RotateDeltaCrl,
        ocsp.OcspPost,
        ocsp.OcspGet,
        signed_list.ResignCrls,
        signed_list.SignRevocationList,
        tidy.Tidy,
        tidy.TidyCancel,
        tidy.TidyStatus,
        tidy.ConfigAutoTidy,
        *acme.PATHS,
        *est.PATHS,
    )
    leases = (issue.CertificateLease,)

    roles = rows(Role, under="roles/")
    issuers = rows(Issuer, under="issuers/")
    keys = rows(Key, under="keys/")
    revocations = rows(Revoked, under="revoked/")
    configs = rows(Config, under="settings/")
    crl_configs = rows(crl_config.CrlConfig, under="settings/")
    crl_states = rows(crl.State, under="crls/")
    tidy_runs = rows(tidy.Run, under="settings/")
    auto_tidies = rows(tidy.AutoTidy, under="settings/")
    issuer_names = NameIndex("issuer", "issuer-names/")
    key_names = NameIndex("key", "key-names/")

    def __init__(self, mount: Mount) -> None:
        super().__init__(mount)
        self._loaded: dict[str, SigningKey] = {}
        self._read: dict[bytes, Any] = {}
        self.making: dict[str, asyncio.Lock] = {}
        self.validations = Validations(self)
        self.remembered = Remembered()
        self.counts = Counts()

    async def rest(self) -> None:
        """Forget the keys that were read, and let go of hosts that are asked."""
        self._loaded.clear()
        self._read.clear()
        self.remembered.clear()
        self.counts.forget()
        await self.validations.stop()

    async def wake(self, request: Request, reference: str) -> None:
        """Do what ACME asked for earlier, or go on tidying."""
        if not await acme.wake(self, request, reference):
            await tidy.woken(self, request, reference)

    # -- settings --------------------------------------------------------------------------------------

    async def config(self, request: Request) -> Config:
        """The mount's defaults and URLs, read once in a request."""
        kept: Config | None = request.scratch.get(_REMEMBERED)
        if kept is None:
            kept = request.scratch[_REMEMBERED] = await self.configs(request).get(_CONFIG) or Config()
        return kept

    def keep_config(self, request: Request, settings: Config) -> None:
        """Store the mount's defaults and URLs."""
        self.configs(request).put(_CONFIG, settings)

    async def crl_config(self, request: Request) -> crl_config.CrlConfig:
        """How CRLs and OCSP answers are made."""
        return await self.crl_configs(request).get("crl") or crl_config.CrlConfig()

    async def role(self, request: Request, name: str) -> Role:
        """A role, not to be changed. Raises BadRequest where there is none."""
        found = await self._unchanged(request, f"roles/{name}", _ROLE)
        if found is None:
            raise BadRequest(f"unknown role: {name}")
        return found

    async def _unchanged(self, request: Request, row: str, decoder: msgspec.json.Decoder[T]) -> T | None:
        """What a row says, decoded once as long as the row stays as it is. Not to be changed by who reads."""
        blob = await request.view.get(row)
        if blob is None:
            return None
        found: T | None = self._read.get(blob)
        if found is None:
            if len(self._read) >= _KEPT_ROWS:
                self._read.clear()
            found = self._read[blob] = decoder.decode(blob)
        return found

    async def identity(self, request: Request, of: Role) -> Mapping[str, Any]:
        """What the role's templates are rendered with; empty where it has none."""
        entity_id = request.entry.entity_id if request.entry is not None else ""
        if not (of.allowed_domains_template or of.allowed_uri_sans_template) or not entity_id:
            return {}
        standing = await self.core.identity.standing(request, entity_id)
        found: Mapping[str, Any] = standing.identity
        return found

    # -- keys ------------------------------------------------------------------------------------------

    async def key_or_none(self, request: Request, ref: str) -> Key | None:
        """The key of an ID, of a name, or the default one."""
        if ref in ("", DEFAULT):
            ref = (await self.config(request)).default_key
        found = await self.keys(request).get(ref) if ref else None
        if found is None and ref:
            named = await self.key_names.id_of(request, ref)
            found = await self.keys(request).get(named) if named else None
        return found

    async def key(self, request: Request, ref: str) -> Key:
        """The key of a reference. Raises NotFound."""
        found = await self.key_or_none(request, ref)
        if found is None:
            raise NotFound(f"unable to find PKI key for reference: {ref}")
        return found

    def loaded(self, record: Key) -> SigningKey:
        """The private key of a row, read once as long as it is in use."""
        found = self._loaded.get(record.pem)
        if found is None:
            if len(self._loaded) >= _KEPT_KEYS:
                self._loaded.clear()
            found = self._loaded[record.pem] = signing_key.load(record.pem.encode())
        return found

    def forget_key(self, request: Request, record: Key) -> None:
        """Remove a key."""
        key.forget(self, request, record)

    # -- issuers ---------------------------------------------------------------------------------------

    async def issuer_id(self, request: Request, ref: str) -> str | None:
        """The ID of the issuer of a reference."""
        found = await self.issuer_or_none(request, ref)
        return None if found is None else found.id

    async def issuer_or_none(self, request: Request, ref: str) -> Issuer | None:
        """The issuer of an ID, of a name, or the default one."""
        if ref in ("", DEFAULT):
            ref = (await self.config(request)).default_issuer
        found = await self.issuers(request).get(ref) if ref else None
        if found is None and ref:
            named = await self.issuer_names.id_of(request, ref)
            found = await self.issuers(request).get(named) if named else None
        return found

    async def issuer(self, request: Request, ref: str) -> Issuer:
        """The issuer of a reference. Raises BadRequest."""
        found = await self.issuer_or_none(request, ref)
        if found is None:
            raise BadRequest(no_issuer(ref))
        return found

    async def signing_issuer(self, request: Request, ref: str) -> Issuer:
        """The issuer of a reference, not to be changed, which may sign certificates. Raises BadRequest."""
        found = await self.issuer_or_none(request, ref)
        if found is None:
            raise BadRequest(f"could not fetch the CA certificate (was one set?): {no_issuer(ref)}")
        if "issuing-certificates" not in found.usage:
            raise BadRequest("the issuer may not issue certificates: its usage does not say so")
        return found

    async def authority(self, request: Request, of: Issuer) -> Authority:
        """The certificate and the key of an issuer. Raises BadRequest where the mount has no key of it."""
        record: Key | None = None
        if of.key_id:
            record = await self._unchanged(request, f"keys/{of.key_id}", _KEY)
        if record is None:
            raise BadRequest("the issuer has no key in this mount, so it cannot sign")
        return Authority(of.certificate, self.loaded(record))

    async def all_issuers(self, request: Request) -> list[Issuer]:
        """All issuers of the mount: a handful."""
        ids = await self.issuers(request).list()
        found = [await self.issuers(request).get(one) for one in ids]
        return [one for one in found if one is not None]

    async def chain(self, request: Request, of: Issuer) -> list[Certificate]:
        """The certificates from an issuer upwards."""
        found = [of.certificate]
        for one in of.chain:
            above = await self.issuers(request).get(one) if one != of.id else None
            if above is not None:
                found.append(above.certificate)
        return found

    async def urls(self, request: Request, of: Issuer) -> Urls:
        """Where certificates of an issuer point to: its own URLs, or else the mount's."""
        settings = await self.config(request)
        own = of.urls
        if any((own.issuing_certificates, own.crl_distribution_points, own.ocsp_servers)):
            return rendered(own, settings, of.id) if of.enable_aia_url_templating else own
        if settings.enable_templating:
            return rendered(settings.urls, settings, of.id)
        return settings.urls

    async def add_issuer(self, request: Request, fresh: Issuer, name: str = "") -> None:
        """Store an issuer that was made or imported; the first one that can sign becomes the default."""
        await self.issuer_names.set(request, fresh, name)
        fresh.changed = second_of(request)
        self.issuers(request).put(fresh.id, fresh)
        await self.consider_default(request, fresh)
        await self.rebuild_chains(request)
        fresh.chain = (await self.issuers(request).get(fresh.id) or fresh).chain

    async def consider_default(self, request: Request, one: Issuer) -> None:
        """Have an issuer that can sign from now on be the default, where that is its place."""
        settings = await self.config(request)
        if one.key_id and (not settings.default_issuer or settings.default_follows_latest_issuer):
            settings.make_default(request, one.id)
            self.keep_config(request, settings)

    async def rebuild_chains(self, request: Request) -> None:
        """Find the chain of every issuer again, after one came or went."""
        everyone = await self.all_issuers(request)
        found = chains(Link(one.id, one.certificate, one.manual_chain) for one in everyone)
        for one in everyone:
            if one.chain != found[one.id]:
                one.chain, one.changed = found[one.id], second_of(request)
                self.issuers(request).put(one.id, one)

    async def forget_issuer(self, request: Request, one: Issuer) -> list[str]:
        """Remove an issuer, and give warnings."""
        self.issuer_names.unset(request, one)
        self.issuers(request).delete(one.id)
        warnings = []
        settings = await self.config(request)
        if settings.default_issuer == one.id:
            settings.make_default(request, "")
            self.keep_config(request, settings)
            warnings.append("it was the default issuer: name another one in config/issuers")
        await self.rebuild_chains(request)
        return warnings

    async def described(self, request: Request, one: Issuer) -> dict[str, Any]:
        """An issuer as it is answered."""
        data = {
            "ca_chain": [above.pem + "\n" for above in await self.chain(request, one)],
            "certificate": one.certificate.pem + "\n",
            "issuer_id": one.id,
            "issuer_name": one.name,
            "key_id": one.key_id,
            "leaf_not_after_behavior": one.leaf_not_after_behavior,
            "manual_chain": one.manual_chain or None,
            "revocation_signature_algorithm": one.revocation_signature_algorithm,
            "revoked": one.revoked,
            "usage": ",".join(sorted(one.usage)),
            **asdict(one.urls),
        }
        if one.urls != Urls() or one.enable_aia_url_templating:
            data["enable_aia_url_templating"] = one.enable_aia_url_templating
        if one.revoked:
            data["revocation_time"] = one.revocation_time
            data["revocation_time_rfc3339"] = validity.written(one.revocation_time)
        return data
