"""Routing: from a path to the mount that owns it, the path class that declares it, and its run."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from strongroom.errors import BadRequest, NoSuchVerb, NotFound, UnsupportedPath
from strongroom.logical import ROOT, Operation, Request

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.mount import MountTable


def resolve(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: find the mount and the declared path. That there is none is said only after the ACL."""
    mounts = core.mounts
    if request.namespace is not ROOT:
        mounts = mounts.of(request.namespace)
    if mounts.stale:
        return _load_and_resolve(mounts, request)
    _resolve(mounts, request)
    return None


async def _load_and_resolve(mounts: MountTable, request: Request) -> None:
    await mounts.load()
    _resolve(mounts, request)


def _resolve(mounts: MountTable, request: Request) -> None:
    path = request.path
    if path[-1:] == "/" and request.operation is Operation.UPDATE:
        raise BadRequest("cannot write to a path ending in '/'")
    route = mounts.route(path) or mounts.route(path + "/")
    if request.head and (route is None or route[1] is None or not route[1][0].answers_head):
        raise NoSuchVerb
    if route is None:
        return
    mount, found = route
    if len(path) < len(mount.prefix):
        request.path = mount.prefix
    request.mount = mount
    request.mount_point = mount.prefix
    request.mount_type = mount.type
    request.mount_accessor = mount.accessor
    request.mount_class = mount.backend.kind
    if found is None:
        return
    request.path_class, request.captures = found
    if request.namespace is not ROOT and request.path_class.root_namespace_only:
        raise BadRequest(request.path_class.root_namespace_only)
    request.unauthenticated = not request.path_class.needs_token(request)
    request.reads_write = request.path_class.reads_write


def bind(core: Core, request: Request) -> None:
    """Stage: fill the path's fields from the request and open the mount's storage to it.

    A value that does not convert is told only to who may be told: when the operation would run.
    """
    mount = request.mount
    if mount is None:
        return
    request.view = core.view(request.tx, mount.storage_prefix)
    if request.path_class is None or request.operation is Operation.HELP:
        return
    try:
        request.bound_path = request.path_class.bind(request.captures, request.data)
    except BadRequest as error:
        request.bind_error = error


async def dispatch(core: Core, request: Request) -> None:
    """Stage: run the operation. Raises NotFound, UnsupportedPath or UnsupportedOperation."""
    mount = request.mount
    if mount is None:
        raise NotFound(f'no handler for route "{request.path}". route entry not found.')
    if request.operation is Operation.HELP:
        request.response = core.help(request)
        return
    if request.bind_error is not None:
        raise request.bind_error
    if request.bound_path is None:
        raise UnsupportedPath
    if request.writes:
        core.mounts.hold(request.tx, mount)
    if mount.entry.tainted:
        raise NotFound(f'no handler for route "{request.path}". route entry not found.')
    request.response = response = await mount.backend.handle(request.bound_path, request)
    if response.headers and request.mount_class != "system":
        allowed = mount.response_headers | request.bound_path.sets_headers
        response.headers = [header for header in response.headers if header[0].lower() in allowed]
