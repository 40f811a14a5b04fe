"""``-output-curl-string`` and ``-output-policy``: what a command would have sent."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from strongroom.client.client import Client, target

if TYPE_CHECKING:
    from strongroom.cli.session import Session
    from strongroom.client.request import Request, Response
    from strongroom.client.settings import Settings

# Paths whose policy must also grant sudo (the API document's "root protected endpoints").
SUDO = (
    "auth/token/accessors", "auth/token/revoke-orphan", "*/root", "*/root/sign-self-issued",
    "sys/audit", "sys/audit/*", "sys/auth/?*", "sys/config/auditing/request-headers*", "sys/config/cors",
    "sys/config/ui/headers*", "sys/internal/inspect/*", "sys/leases/lookup/?*", "sys/leases/revoke-force/*",
    "sys/leases/revoke-prefix/*", "sys/leases/tidy", "sys/namespaces/api-lock/*", "sys/plugins/catalog/*",
    "sys/raw", "sys/raw/*", "sys/remount", "sys/replication/*", "sys/revoke-force/*", "sys/revoke-prefix/*",
    "sys/rotate", "sys/rotate/*", "sys/storage/raft/snapshot-auto/*",
)  # fmt: skip
CAPABILITIES = {
    "PUT": ("create", "update"),
    "POST": ("create", "update"),
    "PATCH": ("patch",),
    "DELETE": ("delete",),
}
PREFLIGHT = "sys/internal/ui/mounts"


class Shown(Exception):
    """The request was printed instead of sent."""


class DryClient(Client):
    """Prints the first request that would act, and ends there.

    The question which version a KV mount has is still asked: the answer decides what the
    request would be.
    """

    def __init__(self, settings: Settings, session: Session) -> None:
        super().__init__(settings)
        self.session = session

    def attempt(self, request: Request) -> Response:
        if (
            request.method == "GET"
            and request.path.startswith(PREFLIGHT)
            and self.session.command.words != "read"
        ):
            return super().attempt(request)
        policy = self.session.flags.get("output-policy")
        self.session.print(policy_text(request) if policy else self._curl(request))
        raise Shown

    def _curl(self, request: Request) -> str:
        words = ["curl"]
        if request.method != "GET":
            words.append(f"-X {request.method}")
        for name, value in self.headers(request).items():
            token = f"$({self.session.name} print token)"
            words.append(f'-H "{name}: {token if name == "X-Vault-Token" else escaped(value)}"')
        body = request.payload()
        if body:
            words.append("-d '" + body.decode(errors="replace").replace("'", "'\"'\"'") + "'")
        address = self.settings.address
        if address.startswith("unix:"):
            words.append(f'--unix-socket "{escaped(address.removeprefix("unix://"))}"')
            address = "http://localhost"
        words.append(f'"{escaped(address.rstrip("/") + target(request))}"')
        return " ".join(words)


def escaped(text: str) -> str:
    """``text`` made safe between double quotes in a shell."""
    for letter in ("\\", '"', "$", "`"):
        text = text.replace(letter, "\\" + letter)
    return text


def policy_text(request: Request) -> str:
    """The policy that lets ``request`` pass."""
    path = request.path
    if request.method == "GET":
        wanted: tuple[str, ...] = ("list",) if "list" in request.query else ("read",)
        wanted = ("scan",) if "scan" in request.query else wanted
    else:
        wanted = CAPABILITIES[request.method]
    if any(fnmatchcase(path.strip("/"), pattern) for pattern in SUDO):
        wanted = (*wanted, "sudo")
    listed = ", ".join(f'"{capability}"' for capability in wanted)
    return f'path "{path}" {{\n  capabilities = [{listed}]\n}}'
