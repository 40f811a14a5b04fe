"""Clients' certificates in files, the same for all servers that are compared."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from tests.certificates import PEM, SERVER, certificate, revocation_list, text_extension
from tests.listener.authority import Issued


@dataclass
class Clients:
    """``variables``: by name the file of a certificate and its key; with ``_pem`` behind it, itself."""

    variables: dict[str, str]


def saved(folder: Path, name: str, one: Issued, *sent: Issued) -> str:
    """The file of a certificate, what is sent with it, and its key."""
    chain, key = one.save(folder, name, *sent)
    file = folder / f"{name}.pem"
    file.write_text(Path(chain).read_text() + Path(key).read_text())
    return str(file)


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    return made(tmp_path_factory.mktemp("clients"))


def started() -> Clients:
    """The same outside a test."""
    return made(Path(tempfile.mkdtemp()))


def ended(clients: Clients) -> None:
    """Delete the files."""
    shutil.rmtree(Path(clients.variables["authority"]).parent)


def made(folder: Path) -> Clients:
    """An authority, and certificates of all kinds."""
    root = certificate("root", ca=True)
    middle = certificate("middle", root, ca=True)
    names = [
        x509.DNSName("client.example.com"),
        x509.RFC822Name("ann@example.com"),
        x509.UniformResourceIdentifier("spiffe://example/ann"),
    ]
    further = [text_extension("1.2.3.4", "hello")]
    every = {
        "authority": root,
        "client": certificate("client", root, names=names, units=["eng", "ops"], further=further),
        "twin": certificate("client", root, names=names),
        "below": certificate("below", middle),
        "silent": certificate("silent", root, usages=(), identifiers=False),
        "nameless": certificate("", root, units=["eng"]),
        "pinned": certificate("pinned"),
        "server_only": certificate("server", usages=[SERVER]),
    }
    variables = {f"{name}_pem": one.pem for name, one in every.items()}
    for name, one in every.items():
        variables[name] = saved(folder, name, one, *([middle] if name == "below" else []))
    variables["list"] = revocation_list(root, every["client"]).public_bytes(PEM).decode()
    variables["empty_list"] = revocation_list(root).public_bytes(PEM).decode()
    return Clients(variables)
