"""``server -dev``: everything in memory, unsealed, a known root token; for trying out only."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongroom import codec
from strongroom.client.error import ClientError
from strongroom.client.token_helper import token_helper
from strongroom.config.load import dev
from strongroom.config.stanza import ServerConfig
from strongroom.core import Core
from strongroom.seal.seal import InitRequest

_FILES = ("vault-ca.pem", "vault-cert.pem", "vault-key.pem")
"""What scripts look for in the directory of -dev-tls-cert-dir."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of a certificate for this run only, or none: then all names are empty."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    folder: str = ""

    def remove(self) -> None:
        """Delete the files, and their directory if it was made for them."""
        for file in filter(None, (self.ca, self.certificate, self.key)):
            Path(file).unlink(missing_ok=True)
        if self.folder:
            Path(self.folder).rmdir()


NO_CERTIFICATES = Certificates()


@dataclass(frozen=True, slots=True)
class Opened:
    """How to get into a server that was just initialised."""

    unseal_key: str
    root_token: str

    def __repr__(self) -> str:
        return "Opened(•••)"


def wanted(flags: Mapping[str, Any]) -> bool:
    """Whether the flags ask for development mode."""
    return bool(flags["dev"] or flags["dev-tls"] or flags["dev-kv-v1"])


def certificates(flags: Mapping[str, Any]) -> Certificates:
    """Make the files that -dev-tls wants, readable by their owner only. Raises OSError."""
    if not flags["dev-tls"]:
        return NO_CERTIFICATES
    import tempfile  # noqa: PLC0415  rarely wanted, and slow to import as the next line

    from strongroom.crypto.selfsigned import self_signed  # noqa: PLC0415

    host = _address(flags).rpartition(":")[0].strip("[]")
    hosts = dict.fromkeys(["localhost", "127.0.0.1", "::1", socket.gethostname(), host])
    made = self_signed([each for each in hosts if each])
    given = flags["dev-tls-cert-dir"]
    folder = given or tempfile.mkdtemp(prefix="strongroom-tls-")
    paths = [os.path.join(folder, name) for name in _FILES]  # noqa: PTH118  the name as it was given
    for path, content in zip(paths, (made.ca, made.certificate, made.key), strict=True):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)
    ca, certificate, key = paths
    return Certificates(ca, certificate, key, "" if given else folder)


def configuration(flags: Mapping[str, Any], env: Mapping[str, str], files: Certificates) -> ServerConfig:
    """The configuration of a development server. Raises ConfigError."""
    return dev(
        address=_address(flags),
        storage_path=flags["dev-storage"] or "",
        tls_cert_file=files.certificate,
        tls_key_file=files.key,
        paths=flags["config"],
        env=env,
    )


def _address(flags: Mapping[str, Any]) -> str:
    return str(flags["dev-listen-address"])


async def initialize(core: Core, flags: Mapping[str, Any]) -> Opened | None:
    """Initialise and unseal, with kv at ``secret/``; None where the storage holds something already."""
    if await core.lifecycle.config() is not None:
        return None
    result, made = await core.lifecycle.initialize(InitRequest(secret_shares=1, secret_threshold=1))
    await core.lifecycle.submit(bytes(result.keys.parts[0]))
    version = "1" if flags["dev-kv-v1"] else "2"
    token = await core.lifecycle.prepare_dev(made, flags["dev-root-token-id"] or "", kv_version=version)
    return Opened(result.keys.keys_base64[0], token)


def announce(address: str, opened: Opened | None, files: Certificates, flags: Mapping[str, Any]) -> None:
    """Tell the user how to get in: on the terminal, in the token file, in the file of -dev-cluster-json."""
    stored = opened is not None and not flags["dev-no-store-token"] and _store(opened.root_token)
    print(_welcome(address, opened, files, stored=stored), flush=True)  # noqa: T201  for the terminal
    if path := flags["dev-cluster-json"]:
        facts: dict[str, Any] = {"nodes": [{"api_address": address}], "ca_cert_path": files.ca}
        facts |= {"root_token": opened.root_token} if opened else {}
        Path(path).write_bytes(codec.encode(facts))


def _welcome(address: str, opened: Opened | None, files: Certificates, *, stored: bool) -> str:
    lines = ["WARNING! This is a development server: never keep real secrets in it.", ""]
    lines += [f"    export VAULT_ADDR='{address}'"]
    lines += [f"    export VAULT_CACERT='{files.ca}'"] if files.ca else []
    if opened is None:
        return "\n".join([*lines, "", "The storage was initialised before: unseal it with its own keys.", ""])
    if stored:
        lines += ["", "The root token is stored for this user: the command line is logged in."]
    return "\n".join([*lines, "", f"Unseal Key: {opened.unseal_key}", f"Root Token: {opened.root_token}", ""])


def _store(token: str) -> bool:
    """Leave the token where the command line finds it, by the user's token helper."""
    try:
        token_helper(os.environ).store(token)
    except ClientError as error:
        print(f"The root token was not stored: {error}", file=sys.stderr)  # noqa: T201  for the terminal
        return False
    return True
