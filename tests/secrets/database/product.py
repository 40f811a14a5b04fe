"""A database of any kind, as tests of what all plugins promise see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from strongroom.secrets.database.plugin import Plugin, Settings
from strongroom.secrets.database.plugins import plugin_class
from strongroom.upstream import http
from tests.inprocess import Answer, InProcess

Kind = TypeVar("Kind", bound=Plugin)


class Product(Protocol):
    """A running server, and an administrator ``ADMIN`` in it that plugins log in as."""

    @property
    def config(self) -> dict[str, Any]:
        """The fields of a connection by the administrator, who is made anew for each test."""

    @property
    def creation(self) -> list[str]:
        """The statements of a role."""

    def make(self, user: str, password: str) -> None:
        """An account made by hand."""

    def users(self) -> set[str]:
        """The users there are, without the administrator and what the product has itself."""

    def logs_in(self, user: str, password: str) -> bool:
        """Whether somebody is let in."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


ADMIN, ADMIN_PASSWORD = "strongroom-admin", "first-password"


async def ok(api: InProcess, method: str, path: str, body: Any = None, **options: Any) -> Answer:
    """A request that succeeds."""
    answer = await api(method, path, body, **options)
    assert answer.status in (200, 204), answer
    return answer


async def connected(api: InProcess, product: Product, **fields: Any) -> None:
    """The mount ``db/`` with the connection ``it`` and the role ``app``."""
    await ok(api, "POST", "sys/mounts/db", {"type": "database"})
    await ok(api, "POST", "db/config/it", {"allowed_roles": "*"} | product.config | fields)
    role = {"db_name": "it", "creation_statements": product.creation, "default_ttl": "1h", "max_ttl": "24h"}
    await ok(api, "POST", "db/roles/app", role)


async def creds(api: InProcess) -> tuple[str, str, str]:
    """User, password and lease of a fresh login."""
    answer = await ok(api, "GET", "db/creds/app")
    return answer.data["username"], answer.data["password"], answer.json["lease_id"]


def run(make: Callable[[], Kind], work: Callable[[Kind], Awaitable[None]]) -> None:
    """Work with a plugin, and close it."""

    async def scenario() -> None:
        plugin = make()
        try:
            async with asyncio.timeout(60):
                await work(plugin)
        finally:
            await plugin.close()
            await http.close()

    asyncio.run(scenario())


def plugin_of(product: Product) -> Plugin:
    """The plugin for a product, by its administrator."""
    config = dict(product.config)
    kind = plugin_class(config.pop("plugin_name"))
    return kind(Settings(config.pop("username"), config.pop("password"), config))
