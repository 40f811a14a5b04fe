"""How two certificates relate: what ``pki`` commands find out here, beside what the server tells.

Alone in this package it knows of cryptography, and only the commands that compare certificates load it.
"""

from __future__ import annotations

from strongroom.crypto import certificate, revocation_list, signing_key

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from strongroom.crypto.certificate import Certificate

FACTS = ("key_id_match", "path_match", "signature_match", "subject_match", "trust_match")


def load(pem: str) -> Certificate:
    """The certificate in a PEM text. Raises ValueError."""
    return certificate.load(pem.encode())


def facts(above: Certificate, below: Certificate, chain: Iterable[Certificate]) -> dict[str, bool]:
    """Whether one certificate looks like the issuer of another, whose ``chain`` its mount tells."""
    known = list(chain)
    return {
        "key_id_match": below.authority_key_id == above.subject_key_id,
        "path_match": any(one.der == above.der for one in known),
        "signature_match": above.issued(below),
        "subject_match": below.issuer_der == above.subject_der,
        "trust_match": _leads_to(above, below, known),
    }


def _leads_to(above: Certificate, below: Certificate, chain: list[Certificate]) -> bool:
    """Whether signatures lead from a certificate up to another, through those of its chain."""
    reached, seen = [below], {below.der}
    while reached:
        one = reached.pop()
        if one.der == above.der or above.issued(one):
            return True
        for higher in chain:
            if higher.der not in seen and higher.issued(one):
                seen.add(higher.der)
                reached.append(higher)
    return False


def template(one: Certificate) -> dict[str, Any]:
    """What a certificate says, as parameters for one like it; without lists that are empty."""
    subject, names = one.subject, one.alternative_names
    others = [f"{other.oid};utf8:{other.value}" for other in names.others]
    found: dict[str, Any] = {
        "common_name": subject.common_name,
        "serial_number": subject.serial_number,
        "alt_names": ",".join([*names.dns, *names.emails]),
        "ip_sans": ",".join(map(str, names.addresses)),
        "uri_sans": ",".join(names.uris),
        "other_sans": others,
        "key_type": signing_key.kind_of(one.public_key),
        "key_bits": signing_key.bits_of(one.public_key),
        "ttl": f"{one.not_after - one.not_before}s",
        "exclude_cn_from_sans": subject.common_name not in (*names.dns, *names.emails),
        "max_path_length": -1 if one.path_length is None else one.path_length,
    }
    for name in ("country", "organization", "ou", "locality", "province", "street_address", "postal_code"):
        found[name] = getattr(subject, name)
    return {name: value for name, value in found.items() if value not in ("", [])}


def crl_times(pem: str) -> tuple[float, float]:
    """From when until when a CRL is valid, in seconds since the epoch. Raises ValueError."""
    return revocation_list.load(pem.encode()).validity
