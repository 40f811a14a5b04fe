"""The directory outside: what is asked of it, over a connection for each piece of work.

python-ldap blocks, so it works in threads of its own. Certificates and keys reach OpenSSL's side
through memory, never through a file that has a name.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from strongroom.eager import settle
from strongroom.errors import BadRequest, UpstreamFailed, UpstreamRefused
from strongroom.secrets.ldap.ldif import ADD, DELETE, Change

T = TypeVar("T")
_THREADS = 8


class Refused(UpstreamRefused):
    """The directory answered, and would not; nothing has changed there by this step."""


class Missing(Refused):
    """There is no such entry."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the directory is and how to trust it. Times are seconds; ``urls`` are tried in order."""

    urls: list[str]
    starttls: bool = False
    insecure_tls: bool = False
    certificate: str = ""
    client_certificate: str = ""
    client_key: str = field(default="", repr=False)
    tls_min_version: str = "tls12"
    tls_max_version: str = "tls12"
    connection_timeout: int = 30
    request_timeout: int = 90


@cache
def library() -> Any:
    """python-ldap. Raises BadRequest naming the extra when it is not installed."""
    try:
        import ldap  # noqa: PLC0415  an extra, loaded by whoever uses a directory
    except ImportError:
        raise BadRequest("LDAP needs an extra: pip install 'strongroom[ldap]'") from None
    return ldap


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="ldap")


class Directory:
    """A directory seen as somebody. Every call logs in, does its work, and leaves.

    Raises :class:`Refused` for what the directory says no to, UpstreamFailed when it does not answer.
    """

    def __init__(self, address: Address, binddn: str, password: str) -> None:
        self._address, self._binddn, self._password = address, binddn, password

    async def verify(self) -> None:
        """Log in."""
        await self._run(lambda connection: connection.whoami_s())

    async def accepts(self, dn: str, password: str) -> bool:
        """Whether the entry's password is this one. Only UpstreamFailed is raised."""
        if not password:
            return False
        try:
            await Directory(self._address, dn, password).verify()
        except Refused:
            return False
        return True

    async def find(self, base: str, attribute: str, value: str) -> str:
        """The DN of the one entry below ``base`` with that attribute. Raises :class:`Missing`."""
        ldap = library()
        from ldap.filter import escape_filter_chars  # noqa: PLC0415  part of the extra

        wanted = f"({attribute}={escape_filter_chars(value, 1)})"
        found = await self._run(lambda c: c.search_s(base, ldap.SCOPE_SUBTREE, wanted, ["1.1"]))
        names = [dn for dn, _ in found if dn]
        if not names:
            raise Missing("the directory has no such account")
        if len(names) > 1:
            raise Refused("the directory has several accounts of that name")
        return str(names[0])

    async def replace(self, dn: str, attributes: list[tuple[str, list[bytes]]]) -> None:
        """Give the attributes of an entry other values, all at once."""
        ldap = library()
        steps = [(ldap.MOD_REPLACE, name, values) for name, values in attributes]
        await self._run(lambda connection: connection.modify_s(dn, steps))

    async def apply(self, changes: list[Change], *, forgiving: bool = False) -> None:
        """Make the changes one after the other; where ``forgiving``, what is gone already is fine."""
        for change in changes:
            try:
                await self._run(_doing(change))
            except Missing:
                if not forgiving:
                    raise

    async def _run(self, work: Callable[[Any], T]) -> T:
        await settle()
        return await asyncio.get_running_loop().run_in_executor(_threads(), self._work, work)

    def _work(self, work: Callable[[Any], T]) -> T:
        ldap = library()
        try:
            connection = self._open()
            try:
                return work(connection)
            finally:
                connection.unbind_s()
        except _unreachable() as error:
            raise UpstreamFailed("the directory does not answer", cause=_said(error)) from None
        except ldap.NO_SUCH_OBJECT as error:
            raise Missing("the directory has no such entry", cause=_said(error)) from None
        except ldap.LDAPError as error:
            raise Refused(f"the directory refused: {_word(error)}", cause=_said(error)) from None
        except ValueError as error:  # a URL or a DN that cannot be one
            raise Refused("the directory cannot be asked for that", cause=type(error).__name__) from None

    def _open(self) -> Any:
        """A connection to the first server that answers, logged in."""
        failure: Exception | None = None
        for url in self._address.urls:
            try:
                return self._log_in(url)
            except _unreachable() as error:
                failure = error
        raise failure or ValueError("no server is configured")

    def _log_in(self, url: str) -> Any:
        ldap, address = library(), self._address
        connection = ldap.initialize(url)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, address.connection_timeout)
        connection.set_option(ldap.OPT_TIMEOUT, address.request_timeout)
        connection.set_option(ldap.OPT_REFERRALS, 0)
        if address.starttls or url.startswith("ldaps:"):
            with _tls(connection, address):
                if address.starttls and not url.startswith("ldaps:"):
                    connection.start_tls_s()
                connection.simple_bind_s(self._binddn, self._password)
        else:
            connection.simple_bind_s(self._binddn, self._password)
        return connection


def _doing(change: Change) -> Callable[[Any], Any]:
    ldap = library()
    if change.kind == ADD:
        return lambda connection: connection.add_s(change.dn, change.attributes)
    if change.kind == DELETE:
        return lambda connection: connection.delete_s(change.dn)
    codes = {"add": ldap.MOD_ADD, "delete": ldap.MOD_DELETE, "replace": ldap.MOD_REPLACE}
    steps = [(codes[operation], name, values or None) for operation, name, values in change.steps]
    return lambda connection: connection.modify_s(change.dn, steps)


@contextmanager
def _tls(connection: Any, address: Address) -> Iterator[None]:
    """Have the connection speak TLS by these settings."""
    ldap = library()
    versions = {"tls10": 0x301, "tls11": 0x302, "tls12": 0x303, "tls13": 0x304}
    with (
        _in_memory(address.certificate) as authority,
        _in_memory(address.client_certificate) as certificate,
        _in_memory(address.client_key) as key,
    ):
        policy = ldap.OPT_X_TLS_NEVER if address.insecure_tls else ldap.OPT_X_TLS_DEMAND
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, policy)
        connection.set_option(ldap.OPT_X_TLS_PROTOCOL_MIN, versions[address.tls_min_version])
        for option, path in (
            (ldap.OPT_X_TLS_CACERTFILE, authority),
            (ldap.OPT_X_TLS_CERTFILE, certificate),
            (ldap.OPT_X_TLS_KEYFILE, key),
        ):
            if path:
                connection.set_option(option, path)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        yield


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """A path under which the text can be read as long as the block runs; it is on no disk."""
    if not text:
        yield ""
        return
    descriptor = os.memfd_create("strongroom", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


@cache
def _unreachable() -> tuple[type[Exception], ...]:
    ldap = library()
    return (
        ldap.SERVER_DOWN,
        ldap.CONNECT_ERROR,
        ldap.TIMEOUT,
        ldap.TIMELIMIT_EXCEEDED,
        ldap.BUSY,
        ldap.UNAVAILABLE,
    )


def _said(error: Exception) -> str:
    """What the directory said, for the log; nothing that was sent to it stands there."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return f"{type(error).__name__}: {details.get('desc', '')} {details.get('info', '')}".strip()


def _word(error: Exception) -> str:
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return str(details.get("desc") or type(error).__name__).lower()
