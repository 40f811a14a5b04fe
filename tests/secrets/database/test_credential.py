"""Credentials that are no passwords, on a plugin that takes all kinds and remembers what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from strongroom.crypto.identity_key import Authority
from strongroom.crypto.selfsigned import self_signed
from strongroom.secrets.database.plugin import Credential, NewUser, Settings, masked
from strongroom.secrets.database.plugins import PLUGINS, Entry, plugin_class
from strongroom.secrets.database.postgresql import PostgreSQL
from tests.inprocess import InProcess, inprocess
from tests.postgres import Postgres
from tests.secrets.database.engine import connected, ok


class Recorder:
    """Takes every kind of credential."""

    credential_types: ClassVar[frozenset[str]] = frozenset(
        {"password", "rsa_private_key", "client_certificate"}
    )
    username_template: ClassVar[str] = "{{.RoleName}}-{{random 8}}"
    users: ClassVar[dict[str, Credential]] = {}

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def verify(self) -> None:
        """Nothing to verify."""

    async def close(self) -> None:
        """Nothing to close."""

    async def create(self, user: NewUser) -> None:
        self.users[user.username] = user.credential

    async def drop(self, username: str, statements: list[str]) -> None:
        self.users.pop(username, None)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Recorder]]:
    monkeypatch.setitem(PLUGINS, "recorder", Entry("recorder:Recorder", "none"))
    monkeypatch.setattr("strongroom.secrets.database.plugins.import_module", lambda name: RecorderModule)
    plugin_class.cache_clear()
    Recorder.users.clear()
    yield Recorder
    plugin_class.cache_clear()


class RecorderModule:
    Recorder = Recorder


async def mounted(api: InProcess, **role: Any) -> None:
    await ok(api, "POST", "sys/mounts/db", {"type": "database"})
    await ok(api, "POST", "db/config/r", {"plugin_name": "recorder", "allowed_roles": "*"})
    await ok(api, "POST", "db/roles/app", {"db_name": "r", "creation_statements": "x"} | role)


def test_an_rsa_key(recorder: type[Recorder]) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, credential_type="rsa_private_key")
        shown = (await ok(api, "GET", "db/roles/app")).data
        assert shown["credential_config"] == {"key_bits": 2048, "format": "pkcs8"}
        answer = await ok(api, "GET", "db/creds/app")
        private = load_pem_private_key(answer.data["rsa_private_key"].encode(), None)
        told = load_pem_public_key(Recorder.users[answer.data["username"]].public_key.encode())
        assert private.public_key() == told
        assert "password" not in answer.data

    inprocess(scenario)


def authority() -> dict[str, str]:
    made = _authority()
    return {"ca_cert": made.certificate, "ca_private_key": made.private}


def _authority() -> Authority:
    """A certificate that is its own authority."""
    made = self_signed(["ca.example"])
    return Authority(made.certificate.decode(), made.key.decode())


@pytest.mark.parametrize(("key_type", "bits"), (("rsa", 2048), ("ec", 256), ("ec", 384), ("ed25519", 0)))
def test_a_client_certificate(recorder: type[Recorder], key_type: str, bits: int) -> None:
    async def scenario(api: InProcess) -> None:
        config = authority() | {"key_type": key_type, "common_name_template": "cn-{{.RoleName}}"}
        if bits:
            config["key_bits"] = str(bits)
        await mounted(api, credential_type="client_certificate", credential_config=config, default_ttl="1h")
        shown = (await ok(api, "GET", "db/roles/app")).data["credential_config"]
        assert "ca_private_key" not in shown
        answer = await ok(api, "GET", "db/creds/app")
        certificate = x509.load_pem_x509_certificate(answer.data["client_certificate"].encode())
        key = load_pem_private_key(answer.data["private_key"].encode(), None)
        assert certificate.public_key() == key.public_key()
        assert certificate.subject.rfc4514_string() == "CN=cn-app"
        assert Recorder.users[answer.data["username"]].subject == "CN=cn-app"
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(config["ca_cert"].encode()))
        lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert 3600 <= lasts.total_seconds() <= 3700

    inprocess(scenario)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        (
            {"credential_type": "rsa_private_key", "credential_config": {"key_bits": "1024"}},
            "invalid key_bits",
        ),
        ({"credential_type": "rsa_private_key", "credential_config": {"format": "pkcs1"}}, "invalid format"),
        ({"credential_type": "client_certificate"}, "invalid key_type"),
        ({"credential_type": "client_certificate", "credential_config": {"key_type": "ec"}}, "ca_cert"),
        (
            {
                "credential_type": "client_certificate",
                "credential_config": {"key_type": "ec", "common_name_template": "{{"},
            },
            "unclosed action",
        ),
    ),
)
def test_credentials_that_cannot_be(recorder: type[Recorder], fields: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        answer = await api("POST", "db/roles/app", fields)
        assert answer.status == 400
        assert sentence in answer.errors[0]

    inprocess(scenario)


def test_a_certificate_and_anothers_key(recorder: type[Recorder]) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        config = authority() | {"key_type": "ec", "ca_private_key": _authority().private}
        body = {"credential_type": "client_certificate", "credential_config": config}
        answer = await api("POST", "db/roles/app", body)
        assert answer.status == 400

    inprocess(scenario)


def test_a_plugin_that_lacks_an_ability_says_for_what(recorder: type[Recorder]) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        body = {"username": "u", "db_name": "r", "rotation_period": "1h"}
        answer = await api("POST", "db/static-roles/s", body)
        assert (answer.status, answer.errors) == (
            400,
            ["this database plugin cannot be used for changes of passwords"],
        )

    inprocess(scenario)


def test_postgresql_makes_roles_for_certificates(postgres: Postgres) -> None:
    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        config = authority() | {"key_type": "ec"}
        body = {
            "credential_type": "client_certificate",
            "credential_config": config,
            "creation_statements": 'CREATE ROLE "{{name}}" LOGIN',
        }
        await ok(api, "POST", "db/roles/app", body)
        answer = await ok(api, "GET", "db/creds/app")
        certificate = x509.load_pem_x509_certificate(answer.data["client_certificate"].encode())
        assert certificate.subject.rfc4514_string() == f"CN={answer.data['username']}"
        assert postgres.has(answer.data["username"])

    inprocess(scenario)
    assert "rsa_private_key" not in PostgreSQL.credential_types


@pytest.mark.parametrize(
    ("sentence", "secret", "expected"),
    (
        ('near "hunter22"', "hunter22", 'near "•••"'),
        ('near "nter2"', "hunter22", 'near "•••"'),
        ("nothing here", "hunter22", "nothing here"),
        ("nothing here", "", "nothing here"),
        ("near 'ter ord22' at line 1", "hunter word22", "near '••• •••' at line 1"),
        ('the server has no database "it"', "the-database-password", 'the server has no database "it"'),
        ("using password", "p", "using password"),
    ),
)
def test_what_databases_quote(sentence: str, secret: str, expected: str) -> None:
    assert masked(sentence, sent=secret) == expected


def test_what_was_not_sent_is_masked_as_a_whole() -> None:
    assert masked('no "root", hunter22 ""', "root-password", "hunter22") == 'no "root", ••• ""'
