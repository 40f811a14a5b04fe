"""Certificates in the hands of a real sshd and a real ssh."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.logical import SECOND
from tests.secrets.clocked import Clocked, run
from tests.sshd import USER, Sshd, host_key, key_pair, started

ROLE = {
    "key_type": "ca",
    "allow_user_certificates": True,
    "allowed_users": "*",
    "default_user": USER,
    "ttl": "1h",
    "allowed_extensions": "*",
}

Scenario = Callable[[Clocked], Awaitable[None]]


def play(scenario: Scenario) -> None:
    """Run a scenario on a server whose time is the real one, as it is sshd's."""

    async def timely(served: Clocked) -> None:
        served.clock.now = int(time.time()) * SECOND
        await scenario(served)

    run(timely, kind="ssh")


async def signed(served: Clocked, public: str, **wish: Any) -> str:
    answer = await served("POST", "sign/r", {"public_key": public, **wish})
    assert answer.status == 200, answer
    certificate: str = answer.data["signed_key"]
    return certificate


async def authority(served: Clocked, sshd: Sshd, **fields: Any) -> None:
    """Have a new issuer, and sshd trust it, by the key that needs no token."""
    answer = await served("POST", "config/ca", {"key_type": "ed25519", **fields})
    assert answer.status == 200, answer
    sshd.trust((await served("GET", "public_key", token=None)).body.decode())


@pytest.mark.parametrize(
    ("issuer", "algorithm"),
    (
        ({"key_type": "ed25519"}, "default"),
        ({"key_type": "ec", "key_bits": 256}, "default"),
        ({"key_type": "ec", "key_bits": 384}, "default"),
        ({"key_type": "ec", "key_bits": 521}, "default"),
        ({"key_type": "ssh-rsa", "key_bits": 2048}, "default"),
        ({"key_type": "ssh-rsa", "key_bits": 2048}, "rsa-sha2-512"),
    ),
)
def test_a_certificate_of_any_issuer_lets_in(issuer: dict[str, Any], algorithm: str, tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        with started(tmp_path / "sshd") as sshd:
            await authority(served, sshd, **issuer)
            await served.done("POST", "roles/r", {**ROLE, "algorithm_signer": algorithm})
            public = key_pair(tmp_path / "key")
            certificate = await signed(served, public)
            assert sshd.lets_in(tmp_path / "key", certificate)
            assert "ID vault-token-" in sshd.log
            sshd.trust(public)
            assert not sshd.lets_in(tmp_path / "key", certificate)

    play(scenario)


@pytest.mark.parametrize(
    "key", ({"key_type": "ed25519"}, {"key_type": "ec", "key_bits": 384}, {"key_bits": 2048})
)
def test_a_key_that_is_issued_lets_in(key: dict[str, Any], tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        with started(tmp_path / "sshd") as sshd:
            await authority(served, sshd)
            await served.done("POST", "roles/r", ROLE)
            answer = await served("POST", "issue/r", key)
            file = tmp_path / "key"
            file.write_text(answer.data["private_key"])
            file.chmod(0o600)
            assert sshd.lets_in(file, answer.data["signed_key"])

    play(scenario)


def test_no_login_before_or_after_its_time(tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        with started(tmp_path / "sshd") as sshd:
            await authority(served, sshd)
            await served.done("POST", "roles/r", ROLE)
            public = key_pair(tmp_path / "key")
            for hours, told in ((-2, "expired"), (2, "not yet valid")):
                now = served.clock.now
                served.clock.advance(hours * 3600)
                assert not sshd.lets_in(tmp_path / "key", await signed(served, public))
                assert told in sshd.log
                served.clock.now = now
            assert sshd.lets_in(tmp_path / "key", await signed(served, public))

    play(scenario)


def test_no_login_as_another_user(tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        with started(tmp_path / "sshd", principals="deploy") as sshd:
            await authority(served, sshd)
            await served.done("POST", "roles/r", ROLE)
            public = key_pair(tmp_path / "key")
            assert not sshd.lets_in(tmp_path / "key", await signed(served, public))
            assert not sshd.lets_in(tmp_path / "key", await signed(served, public, valid_principals="deplo"))
            certificate = await signed(served, public, valid_principals="other, deploy")
            assert sshd.lets_in(tmp_path / "key", certificate)

    play(scenario)


def test_a_host_certificate_lets_nobody_in(tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        with started(tmp_path / "sshd") as sshd:
            await authority(served, sshd)
            role = {**ROLE, "allow_host_certificates": True, "allowed_domains": "*"}
            await served.done("POST", "roles/r", role)
            public = key_pair(tmp_path / "key")
            certificate = await signed(served, public, cert_type="host", valid_principals=USER)
            assert not sshd.lets_in(tmp_path / "key", certificate)

    play(scenario)


def test_critical_options_bind(tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        with started(tmp_path / "sshd") as sshd:
            await authority(served, sshd)
            await served.done("POST", "roles/r", ROLE)
            public = key_pair(tmp_path / "key")
            forced = await signed(served, public, critical_options={"force-command": "echo only this"})
            assert sshd.login(tmp_path / "key", forced).stdout == "only this\n"
            for network, lets_in in (("127.0.0.0/8", True), ("10.0.0.0/8", False)):
                certificate = await signed(served, public, critical_options={"source-address": network})
                assert sshd.lets_in(tmp_path / "key", certificate) is lets_in

    play(scenario)


def test_extensions_allow(tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        with started(tmp_path / "sshd") as sshd:
            await authority(served, sshd)
            await served.done("POST", "roles/r", ROLE)
            public = key_pair(tmp_path / "key")
            for extensions in ({}, {"permit-pty": ""}):
                certificate = await signed(served, public, extensions=extensions)
                done = sshd.login(tmp_path / "key", certificate, "tty", RequestTTY="force")
                assert ("/dev/pts" in done.stdout) is bool(extensions)
                assert ("PTY allocation request failed" in done.stderr) is not bool(extensions)

    play(scenario)


def test_a_client_trusts_hosts_by_their_certificates(tmp_path: Path) -> None:
    async def scenario(served: Clocked) -> None:
        assert (await served("POST", "config/ca", {"key_type": "ec"})).status == 200
        hosts = {"allow_host_certificates": True, "allowed_domains": "example.com", "allow_subdomains": True}
        await served.done("POST", "roles/r", {**ROLE, **hosts})
        names = {"cert_type": "host", "valid_principals": "web.example.com,*.db.example.com"}
        certificate = await signed(served, host_key(tmp_path / "sshd"), **names)
        line = (await served("GET", "public_key", token=None)).body.decode()
        known = tmp_path / "known_hosts"
        known.write_text(f"@cert-authority *.example.com {line}")
        with started(tmp_path / "sshd", host_certificate=certificate) as sshd:
            sshd.trust(line)
            public = key_pair(tmp_path / "key")
            for host, trusted in (
                ("web.example.com", True),
                ("one.db.example.com", False),  # ssh takes no patterns in host certificates
                ("mail.example.com", False),
                ("web.example.org", False),
            ):
                checked = {"UserKnownHostsFile": str(known), "StrictHostKeyChecking": "yes"}
                done = sshd.login(
                    tmp_path / "key", await signed(served, public), HostKeyAlias=host, **checked
                )
                assert (done.returncode == 0) is trusted, done.stderr
                assert trusted or "verification failed" in done.stderr

    play(scenario)
