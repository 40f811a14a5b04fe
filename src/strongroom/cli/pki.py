"""``pki``: authorities in several mounts, how they relate, and whether a mount is in good health."""

from __future__ import annotations

from strongroom.cli.assignment import parse_data
from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FORMATTED
from strongroom.cli.output import print_data, print_secret
from strongroom.cli.table import table

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

TYPE = Flag(
    "type",
    "string",
    "internal, exported or existing: where the key of the new issuer is.",
    default="internal",
)
NAME = Flag("issuer_name", "string", "Name for the new issuer.")
CONSTRAINTS = (
    Flag("subject_match", "bool", "PARENT's subject has to be the issuer that CHILD names.", default=True),
    Flag("key_id_match", "bool", "PARENT's key identifier has to be the one that CHILD names.", default=True),
    Flag("direct_sign", "bool", "PARENT's key has to have signed CHILD.", default=True),
    Flag("indirect_sign", "bool", "Trusting PARENT has to be enough to trust CHILD.", default=True),
    Flag("path_match", "bool", "PARENT has to be in the chain that CHILD's mount tells.", default=False),
    Flag("use_names", "bool", "Show issuers by name, where they have one.", default=False),
)
_FACT_OF = {
    "subject_match": "subject_match",
    "key_id_match": "key_id_match",
    "direct_sign": "signature_match",
    "indirect_sign": "trust_match",
    "path_match": "path_match",
}


def _issuer_path(text: str, what: str) -> tuple[str, str]:
    """Mount and reference of ``mount/issuer/reference``. Raises Failure."""
    mount, found, ref = text.strip("/").rpartition("/issuer/")
    if not found or not mount or not ref:
        raise Failure(
            f"{what} Issuer {text} is Not a PKI Issuer Path of the format /mount/issuer/issuer-ref", 1
        )
    return mount, ref


def _read(session: Session, path: str) -> dict[str, Any]:
    with doing(f"Failed to read issuer: {path}", 1):
        secret = session.client.read(path)
    if secret is None:
        raise Failure(f"Failed to read issuer: {path}: there is none", 1)
    data: dict[str, Any] = secret["data"]
    return data


# -- new issuers -----------------------------------------------------------------------------------


@commands.add("pki issue", "PARENT CHILD_MOUNT K=V...", flags=(*FORMATTED, TYPE, NAME), count=(0, None))
def issue(session: Session) -> int:
    """Make an intermediate in one mount, signed by an issuer of another.

    PARENT is an issuer, as mount/issuer/name. K=V is what the certificate says, as for generating an
    intermediate and signing one.

        $ {name} pki issue -issuer_name=servers root/issuer/default inter/ common_name=Servers ttl=8760h
    """
    if len(session.arguments) < 3:
        raise Failure(
            "Not enough arguments: expected parent issuer, child-mount location, and some key=value",
            1,
        )
    parent, child, *words = session.arguments
    return _issue(session, parent.strip("/"), child.strip("/"), parse_data(words, session.terminal))


@commands.add(
    "pki reissue", "PARENT TEMPLATE CHILD_MOUNT [K=V...]", flags=(*FORMATTED, TYPE, NAME), count=(0, None)
)
def reissue(session: Session) -> int:
    """Make an intermediate like one that is there, signed by an issuer of another mount.

    TEMPLATE is the issuer whose certificate says what the new one says, unless K=V says otherwise.

        $ {name} pki reissue root/issuer/default inter/issuer/old inter/ ttl=17520h
    """
    from strongroom.cli.relation import load, template  # noqa: PLC0415 (slow to import)

    if len(session.arguments) < 3:
        raise Failure(
            "Not enough arguments: expected parent issuer, template issuer and child-mount location", 1
        )
    parent, model, child, *words = (word.strip("/") for word in session.arguments)
    _issuer_path(model, "Template")
    try:
        data = template(load(_read(session, model)["certificate"]))
    except ValueError as error:
        raise Failure(f"Failed to read the certificate of {model}: {error}", 1) from error
    return _issue(session, parent, child, data | parse_data(words, session.terminal))


def _issue(session: Session, parent: str, child: str, data: dict[str, Any]) -> int:
    _issuer_path(parent, "Parent")
    above = _read(session, parent)
    name = session.flags["issuer_name"] or ""
    way = session.flags["type"]
    with doing(f"Failed to request an intermediate in {child}", 1):
        asked = session.client.write(f"{child}/intermediate/generate/{way}", data)
    with doing(f"Failed to sign the intermediate with {parent}", 1):
        signed = session.client.write(f"{parent}/sign-intermediate", data | {"csr": asked["data"]["csr"]})
    bundle = [signed["data"]["certificate"], *signed["data"].get("ca_chain", ()), *above["ca_chain"]]
    ordered = dict.fromkeys(one.strip() for one in bundle)
    with doing(f"Failed to import the intermediate into {child}", 1):
        taken = session.client.write(f"{child}/issuers/import/cert", {"pem_bundle": "\n".join(ordered)})
    mapping = taken["data"]["mapping"]
    ours = next((issuer for issuer, key in mapping.items() if key == asked["data"]["key_id"]), None)
    if ours is None:
        raise Failure(f"The intermediate was imported into {child} without its key", 1)
    path = f"{child}/issuer/{ours}"
    if name:
        with doing(f"Failed to name the new issuer {path}", 1):
            session.client.patch(path, {"issuer_name": name})
    with doing(f"Failed to read issuer: {path}", 1):
        secret = session.client.read(path) or {}
    if "private_key" in asked["data"]:
        secret["data"]["private_key"] = asked["data"]["private_key"]
    return print_secret(session, secret)


# -- how issuers relate ----------------------------------------------------------------------------


@commands.add("pki verify-sign", "POSSIBLE-ISSUER POSSIBLE-ISSUED", flags=FORMATTED, count=(0, 2))
def verify_sign(session: Session) -> int:
    """Say how two issuers relate: whether one signed the other, and would be trusted as who did.

    $ {name} pki verify-sign root/issuer/default inter/issuer/servers
    """
    if len(session.arguments) < 2:
        got = "got only one" if session.arguments else "got nothing"
        raise Failure(f"Not enough arguments (expected both potential issuer and issued, {got})", 1)
    above, below = (word.strip("/") for word in session.arguments)
    for path in (above, below):
        _issuer_path(path, "Possible")
    found = _facts(session, _read(session, above), _read(session, below))
    if session.format != "table":
        return print_data(session, found)
    order = ("key_id_match", "signature_match", "subject_match", "path_match", "trust_match")
    rows = [(name, str(found[name]).lower()) for name in order]
    session.print(f"issuer:{above}\nissued:{below}\n")
    session.print(table(("field", "value"), rows))
    return 0


def _facts(session: Session, above: dict[str, Any], below: dict[str, Any]) -> dict[str, bool]:
    from strongroom.cli.relation import facts, load  # noqa: PLC0415 (slow to import)

    try:
        chain = [load(text) for text in below["ca_chain"]]
        return facts(load(above["certificate"]), load(below["certificate"]), chain)
    except ValueError as error:
        raise Failure(f"Failed to read a certificate: {error}", 1) from error


@commands.add(
    "pki list-intermediates", "PARENT [CHILD...]", flags=(*FORMATTED, *CONSTRAINTS), count=(0, None)
)
def list_intermediates(session: Session) -> int:
    """Say which issuers an issuer signed, among those named, those of mounts named, or those of all mounts.

    The flags say what counts as that.

        $ {name} pki list-intermediates root/issuer/default
        $ {name} pki list-intermediates root/issuer/default inter/issuer/servers other/
    """
    if not session.arguments:
        raise Failure("Not enough arguments (expected potential parent, got nothing)", 1)
    parent, *children = (word.strip("/") for word in session.arguments)
    _issuer_path(parent, "Parent")
    above = _read(session, parent)
    wanted = [_FACT_OF[name] for name in _FACT_OF if session.flags[name]]
    found = {}
    issuers = _named_issuers(session, children) if children else _all_issuers(session)
    for child in issuers:
        facts = _facts(session, above, _read(session, child))
        found[child] = all(facts[name] for name in wanted)
    if session.format != "table":
        return print_data(session, found)
    rows = [(child, str(matches).lower()) for child, matches in found.items()]
    session.print(table(("intermediate", "match?"), rows))
    return 0


def _all_issuers(session: Session) -> list[str]:
    with doing("Failed to list the mounts", 1):
        mounts = (session.client.read("sys/mounts") or {}).get("data", {})
    found = []
    for mount in sorted(name for name, entry in mounts.items() if entry["type"] == "pki"):
        found += _issuers_of(session, mount.rstrip("/"))
    return found


def _named_issuers(session: Session, places: list[str]) -> list[str]:
    """The issuers that are named, and all those of the mounts that are."""
    found = []
    for place in places:
        found += [place] if "/issuer/" in place else _issuers_of(session, place)
    return list(dict.fromkeys(found))


def _issuers_of(session: Session, mount: str) -> list[str]:
    with doing(f"Failed to list the issuers of {mount}", 1):
        listed = (session.client.list(f"{mount}/issuers") or {}).get("data", {})
    info, named = listed.get("key_info", {}), session.flags["use_names"]
    names = [
        (named and info.get(issuer, {}).get("issuer_name")) or issuer for issuer in listed.get("keys", ())
    ]
    return [f"{mount}/issuer/{name}" for name in names]
