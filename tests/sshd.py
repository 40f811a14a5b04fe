"""A real sshd for tests: Debian's, started privately on a loopback port, and a real ssh that logs in.

Whoever runs the tests logs in as themselves, by certificates alone, or by passwords that PAM checks. What of
the machine's own configuration of SSH and PAM there is plays no part.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.pam import redirected
from tests.server import free_port, listening

USER = getpass.getuser()

_CONFIG = """\
{first}
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
{host_certificate}
TrustedUserCAKeys {folder}/authorities
AuthorizedPrincipalsFile {folder}/principals/%u
AuthorizedKeysFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
LogLevel VERBOSE
"""
_BY_PAM = """\
UsePAM yes
KbdInteractiveAuthentication yes
PubkeyAuthentication no"""
"""Goes before the rest: of a setting that is there twice the first counts."""


@dataclass(slots=True)
class Sshd:
    """A running sshd. ``log`` is all it prints; ``home`` is for the clients' files."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def trust(self, *lines: str) -> None:
        """The certificate authorities of users, from now on."""
        (self.folder / "authorities").write_text("\n".join(line.strip() for line in lines) + "\n")

    def options(self, **more: str) -> list[str]:
        """The options by which a client of ours finds this server, and nothing else."""
        known = {"UserKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "no"}
        fixed = {"BatchMode": "yes", "IdentitiesOnly": "yes", "LogLevel": "INFO", "Port": str(self.port)}
        return ["-F", "none", *(f"-o{name}={value}" for name, value in (fixed | known | more).items())]

    def login(
        self, key: Path, certificate: str, command: str = "echo I am in", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Log in with a key and its certificate."""
        key.with_name(f"{key.name}-cert.pub").write_text(certificate)  # where ssh looks for it
        words = ["-i", str(key), f"{USER}@127.0.0.1", command]
        return subprocess.run(
            ["ssh", *self.options(**more), *words], capture_output=True, text=True, check=False, timeout=30
        )

    def lets_in_by(self, password: str) -> bool:
        """Whether a password that sshpass types lets in."""
        words = [f"{USER}@127.0.0.1", "echo I am in"]
        more = self.options(BatchMode="no", NumberOfPasswordPrompts="1")
        done = subprocess.run(
            ["sshpass", "-e", "ssh", *more, *words],
            env=os.environ | {"SSHPASS": password},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode in {0, 5, 255}, done.stderr  # 5 is a password that sshpass saw refused
        assert (done.returncode == 0) is (done.stdout == "I am in\n"), done
        return done.returncode == 0

    def lets_in(self, key: Path, certificate: str, **more: str) -> bool:
        """Whether a login succeeds."""
        done = self.login(key, certificate, **more)
        assert done.returncode in {0, 255}, done.stderr
        assert (done.returncode == 0) is (done.stdout == "I am in\n"), done
        return done.returncode == 0


@contextlib.contextmanager
def started(
    folder: Path, *, host_certificate: str = "", principals: str = "", rules: str = ""
) -> Iterator[Sshd]:
    """An sshd in a folder, until the end of the block. ``rules`` are those of PAM, where passwords let in.

    ``principals`` are those that count for whoever runs the tests, their own name where it is empty.
    ``folder/host.pub`` may be there already, for a host certificate.
    """
    folder.mkdir(exist_ok=True)
    host_key(folder)
    (folder / "principals").mkdir()
    (folder / "principals" / USER).write_text((principals or USER) + "\n")
    (folder / "authorities").write_text("")
    certified = f"HostCertificate {folder}/host-cert.pub" if host_certificate else ""
    (folder / "host-cert.pub").write_text(host_certificate)
    port = free_port()
    (folder / "config").write_text(
        _CONFIG.format(folder=folder, port=port, host_certificate=certified, first=_BY_PAM if rules else "")
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # made at boot where sshd is a service
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
    assert program is not None
    environment = os.environ | (redirected(folder, rules, "sshd") if rules else {})
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", str(folder / "config")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 20
        while not listening(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield Sshd(folder, port, process)
    finally:
        process.kill()
        process.wait(10)


def host_key(folder: Path) -> str:
    """The public key of the host whose folder this is, made if there is none."""
    if not (folder / "host").exists():
        folder.mkdir(exist_ok=True)
        key_pair(folder / "host")
    return (folder / "host.pub").read_text()


def key_pair(file: Path) -> str:
    """Make a key in a file; gives its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", file], check=True)
    return file.with_name(f"{file.name}.pub").read_text()
