"""A real slapd for tests: Debian's, started privately on a loopback port, one for each test process."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import ldap
import pytest

from tests.listener.authority import issue
from tests.server import free_port

BASE = "dc=example,dc=test"
ADMIN, PASSWORD = f"cn=strongroom,{BASE}", "password-of-the-directory"
PEOPLE = f"ou=people,{BASE}"
ACCOUNTS = ("ann", "bob", "svc1", "svc2")

_CONFIG = """\
TLSCACertificateFile {folder}/authority.crt
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
maxsize 16777216
suffix "{base}"
directory {folder}/db
access to attrs=userPassword by dn.exact="{admin}" write by anonymous auth by * none
access to * by dn.exact="{admin}" write by users read by anonymous auth
"""

_ENTRIES = """\
dn: {base}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {admin}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: strongroom
userPassword: {password}

dn: {people}
objectClass: organizationalUnit
ou: people
"""

_ACCOUNT = """
dn: cn={name},{people}
objectClass: inetOrgPerson
cn: {name}
sn: {name}
userPassword: first-of-{name}
"""


@dataclass(slots=True)
class Slapd:
    """A running directory with a few accounts."""

    folder: Path
    port: int = field(default_factory=free_port)
    secure_port: int = field(default_factory=free_port)
    authority: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def secure_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.secure_port}"

    @property
    def config(self) -> dict[str, str]:
        """What a mount is configured with."""
        return {"binddn": ADMIN, "bindpass": PASSWORD, "url": self.url, "userdn": PEOPLE}

    def create(self) -> None:
        """Write the configuration and the entries."""
        (self.folder / "db").mkdir()
        authority = issue("authority", ca=True)
        authority.save(self.folder, "authority")
        issue("localhost", authority).save(self.folder, "server")
        self.authority = authority.pem
        names = {"base": BASE, "admin": ADMIN, "password": PASSWORD, "people": PEOPLE}
        (self.folder / "slapd.conf").write_text(_CONFIG.format(folder=self.folder, **names))
        accounts = "".join(_ACCOUNT.format(name=name, people=PEOPLE) for name in ACCOUNTS)
        subprocess.run(
            ["/usr/sbin/slapadd", "-f", str(self.folder / "slapd.conf")],
            input=(_ENTRIES.format(**names) + accounts).encode(),
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        assert self.process is None
        urls = f"{self.url} {self.secure_url}"
        line = ["/usr/sbin/slapd", "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "0"]
        self.process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self.accepts(ADMIN, PASSWORD, strict=False):
            assert time.monotonic() < deadline, "slapd does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server; its entries stay."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def accepts(self, dn: str, password: str, *, strict: bool = True) -> bool:
        """Whether somebody can log in; without ``strict`` a server that is down is a no."""
        connection = ldap.initialize(self.url)
        try:
            connection.simple_bind_s(dn, password)
        except ldap.INVALID_CREDENTIALS:
            return False
        except ldap.SERVER_DOWN:
            if strict:
                raise
            return False
        finally:
            connection.unbind_s()
        return True

    def names(self) -> list[str]:
        """The DNs of all people."""
        connection = ldap.initialize(self.url)
        connection.simple_bind_s(ADMIN, PASSWORD)
        try:
            found = connection.search_s(PEOPLE, ldap.SCOPE_ONELEVEL, "(objectClass=*)", ["1.1"])
        finally:
            connection.unbind_s()
        return sorted(dn for dn, _ in found)


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    """A directory of the test's own."""
    with tempfile.TemporaryDirectory(prefix="slapd-") as folder:
        server = Slapd(Path(folder))
        server.create()
        server.start()
        yield server
        server.stop()
