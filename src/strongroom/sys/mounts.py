"""Mounting, tuning, moving and listing secrets engines and auth methods.

Source: the ``sys/mounts``, ``sys/auth``, ``sys/remount`` and ``sys/internal/ui/mounts`` parts of
Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom import lockout, registry
from strongroom.errors import BadRequest, NotFound, PermissionDenied
from strongroom.framework.field import CommaList, Duration, KVPairs, Mapped, field
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import Request, Response
from strongroom.mount import (
    AUTH,
    PERMANENT,
    SECRET,
    LockoutConfig,
    Mount,
    MountConfig,
    MountEntry,
    MountTable,
    clean_path,
    new_entry,
)
from strongroom.sys.seal import VERSION

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.sys.system import System

_TOKEN_TYPES = frozenset({"", "default-service", "default-batch", "service", "batch"})
_VISIBILITIES = frozenset({"", "hidden", "unauth"})


# -- what a mount looks like on the wire -----------------------------------------------------------


def describe(mount: Mount) -> dict[str, Any]:
    """A mount as it stands in listings."""
    entry = mount.entry
    return {
        "accessor": entry.accessor,
        "config": describe_config(entry),
        **({} if entry.type in registry.INTERNAL else {"deprecation_status": "supported"}),
        "description": entry.description,
        "external_entropy_access": entry.external_entropy_access,
        "local": entry.local,
        "options": entry.options,
        "plugin_version": entry.plugin_version,
        "running_plugin_version": f"v{VERSION}",
        "running_sha256": "",
        "seal_wrap": entry.seal_wrap,
        "type": entry.type,
        "uuid": entry.uuid,
    }


def describe_config(entry: MountEntry) -> dict[str, Any]:
    """A mount's settings; lists and switches appear once they are set."""
    config = entry.config
    body: dict[str, Any] = {
        "default_lease_ttl": config.default_lease_ttl,
        "force_no_cache": config.force_no_cache,
        "max_lease_ttl": config.max_lease_ttl,
    }
    if entry.table == AUTH:
        body["token_type"] = config.token_type or "default-service"
    for name in (
        "audit_non_hmac_request_keys",
        "audit_non_hmac_response_keys",
        "listing_visibility",
        "passthrough_request_headers",
        "allowed_response_headers",
    ):
        value = getattr(config, name)
        if value:
            body[name] = value
    if config.user_lockout_config is not None:
        body["user_lockout_config"] = _describe_lockout(config.user_lockout_config)
    return body


def _describe_lockout(config: LockoutConfig) -> dict[str, Any]:
    return {
        "user_lockout_counter_reset_duration": config.counter_reset,
        "user_lockout_disable": config.disable,
        "user_lockout_duration": config.duration,
        "user_lockout_threshold": config.threshold,
    }


def listing(mounts: MountTable, table: str) -> dict[str, Any]:
    """All mounts of a table by path."""
    return {
        mount.entry.path: describe(mount)
        for _, mount in sorted(mounts.by_prefix.items())
        if mount.entry.table == table
    }


# -- settings --------------------------------------------------------------------------------------


def _refuse_lockout(type_: str) -> None:
    if type_ not in lockout.TYPES:
        raise BadRequest(f'tuning of user lockout configuration for auth type "{type_}" not allowed')


def _seconds(value: Any) -> int:
    """A TTL as given: empty, "system" and less than 0 mean the system's, which is 0."""
    try:
        return 0 if value in ("", "system", None) else max(duration.parse(value), 0)
    except duration.InvalidDuration as error:
        raise BadRequest(error.reason) from None


def _config_from(given: dict[str, Any], config: MountConfig) -> MountConfig:
    """``config`` with what was given of it. Raises BadRequest."""
    changes: dict[str, Any] = {}
    for name in ("default_lease_ttl", "max_lease_ttl"):
        if name in given:
            changes[name] = _seconds(given[name])
    if "force_no_cache" in given:
        changes["force_no_cache"] = bool(given["force_no_cache"])
    for name in (
        "audit_non_hmac_request_keys",
        "audit_non_hmac_response_keys",
        "passthrough_request_headers",
        "allowed_response_headers",
    ):
        if name in given:
            changes[name] = _names(given[name])
    for name, allowed in (("listing_visibility", _VISIBILITIES), ("token_type", _TOKEN_TYPES)):
        if name in given:
            if given[name] not in allowed:
                raise BadRequest(f"invalid {name} {given[name]}")
            changes[name] = given[name]
    if given.get("user_lockout_config"):
        asked, before = given["user_lockout_config"], config.user_lockout_config
        changes["user_lockout_config"] = _lockout(asked, before or LockoutConfig())
    fresh = replace(config, **changes)
    _check(fresh)
    return fresh


class LockoutFields(Path):
    """What can be said of lockout in a mount's settings."""

    lockout_threshold: int = field("How many failed logins in a row lock a user; 0 is the server's own.")
    lockout_duration: Duration = field("How long a user stays locked.")
    lockout_counter_reset_duration: Duration = field("After how long without a failure the count is 0.")
    lockout_counter_reset: Duration = field("The same, by its name in the server's configuration.")
    lockout_disable: bool = field("Lock nobody.")


def _lockout(asked: Any, config: LockoutConfig) -> LockoutConfig:
    """``config`` with what was given of it. Raises BadRequest."""
    if not isinstance(asked, dict):
        raise BadRequest("user_lockout_config must be an object")
    fields = LockoutFields.bind({}, {name: value for name, value in asked.items() if value is not None})
    if fields.lockout_threshold < 0:
        raise BadRequest("lockout_threshold cannot be negative")
    changes = {
        name.removeprefix("lockout_").removesuffix("_duration"): getattr(fields, name)
        for name in sorted(fields.given)
    }
    return replace(config, **changes)


def _names(value: Any) -> list[str]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise BadRequest("expected a list of names")
    return [item for item in items if item]


def _check(config: MountConfig) -> None:
    if 0 < config.max_lease_ttl < config.default_lease_ttl:
        raise BadRequest("given default lease TTL greater than given max lease TTL")
    if "x-vault-token" in {name.lower() for name in config.passthrough_request_headers}:
        raise BadRequest("that header cannot be passed through to an engine")


# -- enabling and disabling ------------------------------------------------------------------------


class MountFields(Path):
    """What a mount is made of."""

    type: str = field("Type of the engine.")
    description: str = field("For people.")
    config: Mapped = field("Settings: default_lease_ttl, max_lease_ttl, listing_visibility, ...")
    options: KVPairs = field("Options of the engine, such as version for kv.")
    local: bool = field("Keep out of replication.")
    seal_wrap: bool = field("Wrap with the seal as well.")
    external_entropy_access: bool = field("Accepted for older callers.")
    plugin_name: str = field("Older way to name the type.", deprecated=True)
    plugin_version: str = field("Version of the plugin; only the built-in one exists.")

    async def enable(self, core: Core, request: Request, table: str, path: str) -> None:
        """Create a mount. Raises BadRequest."""
        type_ = self.plugin_name if self.type == "plugin" else self.type
        if not type_:
            raise BadRequest("backend type must be specified as a string")
        options = dict(self.options)
        if type_ in {"kv-v1", "kv-v2"}:
            type_, options["version"] = "kv", type_[-1]
        path = clean_path(path, table)
        if type_ == "token" and table == AUTH:
            raise BadRequest("token credential backend cannot be instantiated")
        if type_ in registry.INTERNAL:
            raise BadRequest(f'mount type of "{type_}" is not mountable')
        if self.plugin_version:
            raise BadRequest("only the built-in version of an engine can be mounted")
        registry.backend_class(table, type_, options)
        mounts = core.mounts.of(request.namespace)
        prefix = f"auth/{path}" if table == AUTH else path
        mounts.refuse_overlap(prefix)
        await mounts.refuse_inside(request.tx, prefix)
        entry = new_entry(
            table,
            path,
            type_,
            description=self.description,
            options=options,
            namespace_id=request.namespace.id,
        )
        entry.local, entry.seal_wrap = self.local, self.seal_wrap
        entry.external_entropy_access = self.external_entropy_access
        entry.config = _config_from(self.config, MountConfig())
        if entry.config.user_lockout_config is not None:
            _refuse_lockout(type_)
        longest = entry.config.max_lease_ttl or core.config.max_lease_ttl
        if entry.config.default_lease_ttl > longest:
            raise BadRequest(f"given default lease TTL greater than system max lease TTL of {longest}")
        mount = Mount(entry, request.namespace)
        await mount.backend.enabled(request, core.view(request.tx, mount.storage_prefix))
        await mounts.claim(request.tx, entry)


class Mounts(Path):
    """The secrets engines that are mounted."""

    pattern = "mounts/?"
    reader_safe = True

    async def read(self, system: System, request: Request) -> Response:
        """All secrets engines by path."""
        return Response(data=listing(_here(system, request), SECRET), flat=True)


class MountPath(MountFields):
    """Enable, look at or disable a secrets engine."""

    pattern = "mounts/{path*}"
    reader_safe = True
    path: str = field("Where the engine answers.")

    async def read(self, system: System, request: Request) -> Response:
        """The engine mounted at the path."""
        return Response(data=describe(_require(_here(system, request), SECRET, self.path)), flat=True)

    async def write(self, system: System, request: Request) -> None:
        """Enable a secrets engine."""
        await self.enable(system.core, request, SECRET, self.path)

    async def delete(self, system: System, request: Request) -> None:
        """Disable the engine: its leases are revoked and its data deleted."""
        await disable(system.core, request, SECRET, self.path)


class Auths(Path):
    """The auth methods that are enabled."""

    pattern = "auth/?"
    reader_safe = True

    async def read(self, system: System, request: Request) -> Response:
        """All auth methods by path."""
        return Response(data=listing(_here(system, request), AUTH), flat=True)


class AuthPath(MountFields):
    """Enable, look at or disable an auth method. Needs sudo."""

    pattern = "auth/{path*}"
    reader_safe = True
    root_protected = True
    path: str = field("Where the method answers, below auth/.")

    async def read(self, system: System, request: Request) -> Response:
        """The method enabled at the path."""
        return Response(data=describe(_require(_here(system, request), AUTH, self.path)), flat=True)

    async def write(self, system: System, request: Request) -> None:
        """Enable an auth method."""
        await self.enable(system.core, request, AUTH, self.path)

    async def delete(self, system: System, request: Request) -> None:
        """Disable the method: tokens it gave are revoked and its data deleted."""
        await disable(system.core, request, AUTH, self.path)


def _here(system: System, request: Request) -> MountTable:
    """The mounts of the request's namespace."""
    return system.core.mounts.of(request.namespace)


def _require(mounts: MountTable, table: str, path: str) -> Mount:
    mount = mounts.named(table, path.strip("/") + "/")
    if mount is None:
        what = "secret engine mount" if table == SECRET else "auth engine"
        raise BadRequest(f"No {what} at {path.strip('/')}/")
    return mount


async def disable(core: Core, request: Request, table: str, path: str) -> None:
    """Take a mount out of service: its leases are revoked now, its data goes in the background.

    The job that deletes the data is committed with the mount's end, so a crash loses neither.
    """
    mount = core.mounts.of(request.namespace).named(table, path.strip("/") + "/")
    if mount is None:
        return
    if mount.prefix in PERMANENT:
        raise BadRequest(
            "token credential backend cannot be disabled"
            if table == AUTH
            else f'cannot unmount "{mount.entry.path}"'
        )
    core.mounts.hold(request.tx, mount)
    await core.leases.revoke_prefix(request, mount.prefix, sync=True)
    core.mounts.delete(request.tx, mount.entry)
    core.client_trust.forget_mount(request, mount)
    core.leases.schedule_purge(request, mount.storage_prefix)
    core.leases.schedule_purge(request, lockout.prefix(mount))
    if table == AUTH:
        core.leases.schedule_forgetting(request, mount.accessor)


# -- tuning ----------------------------------------------------------------------------------------


class TuneFields(Path):
    """The settings of a mount that can be changed."""

    default_lease_ttl: str = field("TTL of leases that ask for none; system for that of the server.")
    max_lease_ttl: str = field("Longest TTL of leases; system for that of the server.")
    description: str = field("For people.")
    force_no_cache: bool = field("Do not cache.")
    audit_non_hmac_request_keys: CommaList = field("Request keys that the audit log shows in clear.")
    audit_non_hmac_response_keys: CommaList = field("Response keys that the audit log shows in clear.")
    listing_visibility: str = field("unauth lists the mount for callers without a token.")
    passthrough_request_headers: CommaList = field(
        "Request headers that the engine sees besides those its paths need; never one with a token."
    )
    allowed_response_headers: CommaList = field("Response headers that the engine may set.")
    token_type: str = field("Which type of tokens an auth method gives.")
    options: KVPairs = field("Options of the engine.")
    plugin_version: str = field("Version of the plugin.")
    user_lockout_config: Mapped = field("When repeated failed logins lock a user out.")

    async def tune(self, core: Core, request: Request, table: str, path: str) -> None:
        """Change what is given of a mount's settings. Raises BadRequest."""
        mount = core.mounts.of(request.namespace).named(table, path.strip("/") + "/")
        if mount is None:
            raise BadRequest(f'tune of path "{path.strip("/")}/" failed: no mount entry found')
        self._refuse_strange(mount)
        core.mounts.hold(request.tx, mount)
        given = {name: getattr(self, name) for name in self.given}
        for name in ("default_lease_ttl", "max_lease_ttl"):
            if given.get(name) == "":
                del given[name]  # which leaves it as it is; "system" takes it back
        entry = replace(mount.entry, config=_config_from(given, mount.entry.config))
        if "description" in self.given:
            entry.description = self.description
        if "options" in self.given:
            entry.options = {**(entry.options or {}), **self.options}
            registry.backend_class(table, entry.type, entry.options)
            await mount.backend.retuned(request, mount.entry.options or {}, entry.options)
        core.mounts.put(request.tx, entry)

    def _refuse_strange(self, mount: Mount) -> None:
        """Raise BadRequest for a setting that this mount cannot have."""
        if "token_type" in self.given:
            if mount.entry.table != AUTH:
                raise BadRequest("'token_type' can only be modified on auth mounts")
            if mount.type in {"token", "ns_token"}:
                raise BadRequest("'token_type' cannot be set for 'token' or 'ns_token' auth mounts")
        if "user_lockout_config" in self.given:
            _refuse_lockout(mount.type)

    def tuned(self, core: Core, request: Request, table: str, path: str) -> Response:
        """The settings in force at a mount."""
        mount = core.mounts.of(request.namespace).named(table, path.strip("/") + "/")
        if mount is None:
            raise BadRequest(f'cannot fetch sysview for path "{path.strip("/")}/"')
        default, longest = core.ttls(mount)
        body = {**describe_config(mount.entry), "default_lease_ttl": default, "max_lease_ttl": longest}
        body |= body.pop("user_lockout_config", {})
        body["description"] = mount.entry.description
        if mount.entry.external_entropy_access:
            body["external_entropy_access"] = True
        if mount.entry.options:
            body["options"] = mount.entry.options
        return Response(data=body, flat=True)


class MountTune(TuneFields):
    """Settings of a secrets engine, or of an auth method by its path with auth/ before it."""

    pattern = "mounts/{path*}/tune"
    reader_safe = True
    path: str = field("Where the engine answers.")

    async def read(self, system: System, request: Request) -> Response:
        """The settings in force."""
        return self.tuned(system.core, request, *_table_and_path(self.path))

    async def write(self, system: System, request: Request) -> None:
        """Change the settings that are given."""
        await self.tune(system.core, request, *_table_and_path(self.path))


class AuthTune(TuneFields):
    """Settings of an auth method. Needs sudo."""

    pattern = "auth/{path*}/tune"
    reader_safe = True
    root_protected = True
    path: str = field("Where the method answers, below auth/.")

    async def read(self, system: System, request: Request) -> Response:
        """The settings in force."""
        return self.tuned(system.core, request, AUTH, self.path)

    async def write(self, system: System, request: Request) -> None:
        """Change the settings that are given."""
        await self.tune(system.core, request, AUTH, self.path)


# -- moving ----------------------------------------------------------------------------------------


_MOVED = (
    "Mount move has been queued. Progress will be reported in the server's log, "
    "tagged with the returned migration_id"
)


class Remount(Path):
    """Move a mount to another path; its data stays, its leases are revoked."""

    pattern = "remount"
    root_protected = True
    source: str = field("Path to move from.", name="from")
    target: str = field("Path to move to.", name="to")

    async def write(self, system: System, request: Request) -> Response:
        """Move a mount."""
        core = system.core
        if not self.source or not self.target:
            raise BadRequest("both 'from' and 'to' path must be specified as a string")
        namespace, start = await core.namespaces.locate(request.tx, request.namespace, self.source.strip("/"))
        elsewhere, end = await core.namespaces.locate(request.tx, request.namespace, self.target.strip("/"))
        if namespace.id != elsewhere.id:
            raise BadRequest("mounts cannot move to another namespace: mount it there and copy what it holds")
        mounts = await core.mounts.ready(namespace)
        source, target = _table_and_path(start), _table_and_path(end)
        if source[0] != target[0]:
            raise BadRequest("cannot move a secrets engine to an auth method's path, or back")
        mount = mounts.named(*source)
        if mount is None:
            raise BadRequest(f'no matching mount at "{self.source.strip("/")}/"')
        if mount.prefix in PERMANENT:
            raise BadRequest(f'cannot remount "{mount.prefix}"')
        core.mounts.hold(request.tx, mount)
        path = clean_path(target[1], target[0])
        if target == source:
            raise BadRequest(f'path already in use at "{self.target.strip("/")}/"')
        prefix = f"auth/{path}" if target[0] == AUTH else path
        mounts.refuse_overlap(prefix, moving=mount.prefix)
        await mounts.refuse_inside(request.tx, prefix)
        inside = core.inner_request(request, mount, mount.prefix)
        await core.leases.revoke_prefix(inside, mount.prefix, sync=True)
        core.mounts.put(request.tx, replace(mount.entry, path=path))
        migration = core.moved(request, self.source.strip("/") + "/", self.target.strip("/") + "/")
        return Response(data={"migration_id": migration}, warnings=[_MOVED], flat=True)


class RemountStatus(Path):
    """How far a move has come."""

    pattern = "remount/status/{migration_id}"
    migration_id: str = field("What the move was answered with.")

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The state of the move."""
        move = system.core.moves.get(self.migration_id)
        if move is None:
            raise NotFound
        return {"migration_id": self.migration_id, "migration_info": move}


def _table_and_path(path: str) -> tuple[str, str]:
    cleaned = path.strip("/") + "/"
    if cleaned.startswith("auth/"):
        return AUTH, cleaned.removeprefix("auth/")
    return SECRET, cleaned


# -- for user interfaces ---------------------------------------------------------------------------


class UIMounts(Path):
    """The mounts a caller may know of; without a token, those that are listed for everybody."""

    pattern = "internal/ui/mounts/?"
    reader_safe = True
    unauthenticated = True

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Mounts by table and path."""
        acl = await system.core.acl_of(request)
        if request.token and acl is None:
            raise PermissionDenied
        body: dict[str, dict[str, Any]] = {"auth": {}, "secret": {}}
        for prefix, mount in sorted(_here(system, request).by_prefix.items()):
            table = "auth" if mount.entry.table == AUTH else "secret"
            public = mount.entry.config.listing_visibility == "unauth"
            if acl is not None and (public or acl.reaches(request.outer + prefix)):
                body[table][mount.entry.path] = describe(mount)
            elif public:
                body[table][mount.entry.path] = {
                    "description": mount.entry.description,
                    "options": mount.entry.options,
                    "type": mount.type,
                }
        return body


class UIMount(Path):
    """The mount that answers for a path, if the caller may use anything in it."""

    pattern = "internal/ui/mounts/{path*}"
    reader_safe = True
    unauthenticated = True
    path: str = field("A path inside the mount.")

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The mount of a path."""
        core = system.core
        wanted = self.path.strip("/") + "/"
        acl = await core.acl_of(request)
        if acl is None:
            raise PermissionDenied
        namespace, rest = await core.namespaces.locate(request.tx, request.namespace, wanted)
        mount = (await core.mounts.ready(namespace)).find(rest)
        below = namespace.path.removeprefix(request.namespace.path)
        if mount is None or not acl.reaches(request.outer + below + mount.prefix):
            raise PermissionDenied(
                "preflight capability check returned 403, please ensure client's policies "
                f'grant access to path "{wanted}"'
            )
        return {**describe(mount), "path": below + mount.entry.path}


PATHS: tuple[type[Path], ...] = (
    Mounts,
    MountTune,
    MountPath,
    Auths,
    AuthTune,
    AuthPath,
    RemountStatus,
    Remount,
    UIMounts,
    UIMount,
)
