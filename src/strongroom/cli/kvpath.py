"""Where a key-value secret is: its mount, the mount's version, and the path of the API."""

from __future__ import annotations

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session


class Location:
    """``mount`` ends in a slash; ``key`` is what stands below it."""

    __slots__ = ("key", "mount", "versioned")

    def __init__(self, mount: str, key: str, *, versioned: bool) -> None:
        self.mount = mount
        self.key = key
        self.versioned = versioned

    def api(self, branch: str) -> str:
        """The API's path: a versioned mount has a branch before the key."""
        path = f"{self.mount}{branch}/{self.key}" if self.versioned else f"{self.mount}{self.key}"
        return path.rstrip("/")


def locate(session: Session, argument: str = "") -> Location:
    """Asks the server which mount ``argument`` (or the first one, if any) lies in."""
    path = (argument or next(iter(session.arguments), "")).strip().lstrip("/")
    wanted = (session.flags.get("mount") or "").strip("/")
    mount, versioned = preflight(session, wanted or path.rstrip("/"))
    if wanted:
        return Location(f"{wanted}/", path.strip("/"), versioned=versioned)
    key = path.removeprefix(mount).strip("/") if path.startswith(mount) else ""
    return Location(mount, key, versioned=versioned)


def preflight(session: Session, path: str) -> tuple[str, bool]:
    """The mount ``path`` lies in and whether it keeps versions.

    A server too old to be asked has no versions. The wish to wrap is not for this question.
    """
    from strongroom.client.request import Request  # noqa: PLC0415 (loaded with the client)

    client = session.client
    wrap, client.settings.wrap_ttl = client.settings.wrap_ttl, ""
    try:
        request = Request("GET", f"sys/internal/ui/mounts/{path}")
        response = client.attempt(request)
    finally:
        client.settings.wrap_ttl = wrap
    if response.status == 404:
        return path.split("/", 1)[0] + "/", False
    if response.status >= 400:
        raise client.refusal(request, response)
    data = (response.secret() or {}).get("data") or {}
    version = str((data.get("options") or {}).get("version", ""))
    return str(data.get("path", "")), version == "2"
