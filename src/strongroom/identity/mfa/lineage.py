"""The namespace of a request and those above it, each as its identities see it.

What a namespace asks for its logins it asks for those below it too, and its methods can be used there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.logical import Namespace, Request


async def at_identity(core: Core, request: Request, namespace: Namespace) -> Request:
    """A request to the identities of a namespace, in the transaction of another."""
    mount = (await core.mounts.ready(namespace)).by_prefix["identity/"]
    inner = core.inner_request(request, mount, request.path)
    inner.once, inner.on_failure = request.once, request.on_failure
    return inner


async def upward(request: Request) -> list[Request]:
    """A request to identities, and the same to those of every namespace above, root's last."""
    core: Core = request.core
    found, path = [request], request.namespace.path
    while path:
        path = path[: path.rstrip("/").rfind("/") + 1]
        namespace = await core.namespaces.by_path(request.tx, path)
        if namespace is not None:
            found.append(await at_identity(core, request, namespace))
    return found
