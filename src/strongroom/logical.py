"""The request and response that stages, mounts and engines exchange: HTTP is behind them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strongroom.barrier.view import View


class Operation(StrEnum):
    """What a request wants done; the values are those of the audit log and the policies."""

    READ = "read"
    LIST = "list"
    SCAN = "scan"
    CREATE = "create"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    HELP = "help"
    RENEW = "renew"
    REVOKE = "revoke"
    ROLLBACK = "rollback"

    __hash__ = str.__hash__  # Enum's own is Python code, and every request hashes its operation often


SECOND = 1_000_000_000
"""Nanoseconds in a second."""

WRITES = frozenset({Operation.CREATE, Operation.UPDATE, Operation.PATCH, Operation.DELETE})


ROOT_ID = "root"
"""ID of the root namespace; those of others have six characters."""

ENDING = slice(-7, -6)
"""Where a dot stands in what names a namespace by its end."""


@dataclass(slots=True, frozen=True)
class Namespace:
    """Where a request lives. ``path`` is empty for root, else ends in ``/``.

    ``locked`` is the path of the namespace, this one or one above, that was locked for its clients.

    The ID is never given again. Tokens, accessors and leases of a namespace other than root end in
    ``.`` and its ID, and so do the keys of their rows: what they belong to needs no lookup.
    """

    id: str = ROOT_ID
    path: str = ""
    uuid: str = ""
    locked: str = ""

    @property
    def prefix(self) -> str:
        """Storage prefix of everything that belongs to this namespace."""
        return prefix_of(self.id)

    @property
    def ending(self) -> str:
        """What the tokens, accessors and leases of this namespace end in."""
        return "" if self.id == ROOT_ID else "." + self.id


ROOT = Namespace()


def prefix_of(namespace_id: str) -> str:
    """Storage prefix of everything that belongs to the namespace of that ID."""
    return "" if namespace_id == ROOT_ID else f"namespaces/{namespace_id}/"


def home_of(reference: str) -> str:
    """ID of the namespace that a token, an accessor, a lease or the key of one belongs to."""
    return reference[ENDING.stop :] if reference[ENDING] == "." else ROOT_ID


@dataclass(slots=True)
class Auth:
    """Who somebody turned out to be: what a login or a token creation hands to the core.

    Durations are seconds. ``ttl`` 0 means the mount's default. ``group_aliases`` None means that the
    method knows no groups, where an empty list means that it knows of none for this login.
    """

    policies: list[str] = field(default_factory=list)
    display_name: str = ""
    metadata: dict[str, str] | None = None
    ttl: int = 0
    max_ttl: int = 0
    explicit_max_ttl: int = 0
    period: int = 0
    renewable: bool = False
    num_uses: int = 0
    bound_cidrs: list[str] = field(default_factory=list)
    no_default_policy: bool = False
    token_type: str = "service"
    orphan: bool = True
    entity_id: str = ""
    alias_name: str = ""
    alias_mount_accessor: str = ""
    alias_metadata: dict[str, str] | None = None
    group_aliases: list[str] | None = None
    internal: dict[str, Any] = field(default_factory=dict)
    client_token: str = ""
    accessor: str = ""
    token_policies: list[str] = field(default_factory=list)
    identity_policies: list[str] = field(default_factory=list)
    lease_duration: int = 0
    mfa_requirement: dict[str, Any] | None = None


@dataclass(slots=True)
class WrapInfo:
    """The envelope's ``wrap_info``: a single-use token in place of the answer."""

    token: str
    accessor: str
    ttl: int
    creation_time: str
    creation_path: str
    wrapped_accessor: str = ""
    format: str = ""


@dataclass(slots=True)
class SecretLease:
    """A lease to be registered for what an engine issued; durations are seconds."""

    kind: str
    ttl: int
    max_ttl: int = 0
    renewable: bool = True
    internal: dict[str, Any] = field(default_factory=dict)
    lease_id: str = ""


@dataclass(slots=True)
class Response:
    """What an operation answers.

    ``data`` None with nothing else is an empty answer (204). ``raw`` replies as it is, without
    the envelope. ``status`` overrides 200, or, given as 200, the 204 of an empty answer. ``flat``
    repeats ``data`` at the top level, as the old sys endpoints do. ``accessor`` names, without
    giving it away, the secret that is answered: it is told with a wrapping token.
    """

    data: dict[str, Any] | None = None
    auth: Auth | None = None
    secret: SecretLease | None = None
    wrap_info: WrapInfo | None = None
    warnings: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    status: int = 0
    raw: Any = None
    content_type: str = ""
    redirect: str = ""
    flat: bool = False
    lease_duration: int = 0
    wrapped_data: Any = None
    bare: bool = False
    accessor: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to answer but the status."""
        said = (self.data, self.auth, self.secret, self.wrap_info)
        return all(part is None for part in said) and not self.warnings


@dataclass(slots=True)
class Request:
    """One request on its way through the stages. ``path`` is relative to the namespace.

    ``received`` are the headers as they came, names in lower case: for the core alone, engines see
    :attr:`headers`. ``addressed`` is the path as it was sent, where that names the namespace. ``home`` is
    the namespace of the token, and ``outer`` what stands before ``path`` for its policies: the way from
    there to here. ``mount_point`` is the prefix of ``path`` that the mount owns; engines see only the rest.
    ``entry`` is the token's entry once authenticated. ``view`` is the mount's storage in this
    request's transaction. ``now`` is the request's one idea of the time, in nanoseconds since
    the epoch; ``started`` and ``routed`` are readings of ``perf_counter``: when it came, and when its
    engine took it. ``vouched`` tells that ``entry`` is of no token, but of a login within the request.
    ``head`` tells that only the headers of the answer are wanted. ``once`` keeps what is
    too dear to be worked out again after a lost race, under all that it depends on. ``on_failure`` writes
    what stays though the operation fails and its own writes are undone: that somebody tried.
    """

    id: str
    operation: Operation
    path: str
    data: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    received: dict[str, str] = field(default_factory=dict)
    namespace: Namespace = ROOT
    addressed: str = ""
    home: Namespace = ROOT
    outer: str = ""
    remote_address: str = ""
    remote_port: int = 0
    certificate: bytes | None = None
    certificate_chain: tuple[bytes, ...] = ()
    wrap_ttl: int = 0
    wrap_format: str = ""
    now: int = 0
    mount_point: str = ""
    mount_type: str = ""
    mount_accessor: str = ""
    mount_class: str = ""
    entry: Any = None
    acl: Any = None
    decision: Any = None
    unauthenticated: bool = False
    client_id: str = ""
    message: Any = None
    tx: Any = None
    view: View = None  # type: ignore[assignment]  # set by the route stage
    core: Any = None
    mount: Any = None
    response: Response | None = None
    head: bool = False
    policy_override: bool = False
    savepoint: Any = None
    audited: bool = False
    path_class: Any = None
    bound_path: Any = None
    captures: dict[str, str | None] = field(default_factory=dict)
    reads_write: bool = False
    writes: bool = False
    bind_error: Any = None
    asked: Operation | None = None
    on_commit: list[Callable[[], None]] = field(default_factory=list)
    intents: list[Any] = field(default_factory=list)
    reply_headers: list[tuple[str, str]] | None = None
    started: float = 0.0
    routed: float = 0.0
    vouched: bool = False
    scratch: dict[str, Any] = field(default_factory=dict)
    once: dict[Any, Any] = field(default_factory=dict)
    on_failure: list[Callable[[], None]] = field(default_factory=list)

    def rewind(self) -> None:
        """Make ready to run again after a lost race: what was found out is found out anew."""
        self.operation = self.asked or self.operation
        self.path = self.addressed or self.path
        self.namespace = self.home = ROOT
        self.outer = ""
        self.tx = self.entry = self.acl = self.decision = self.response = self.savepoint = None
        self.mount = self.path_class = self.bound_path = self.bind_error = None
        self.vouched = False
        self.scratch, self.on_commit, self.on_failure, self.intents = {}, [], [], []

    def undo(self, kind: str, data: dict[str, Any], *, on: str = "") -> AbstractAsyncContextManager[None]:
        """Act on an outside system within: what is about to be done there is stored first, durably.

        When the block raises, when the request fails later on, or when the server dies before what the
        request wrote is committed, the engine's ``settle`` is called with ``kind`` and ``data``, until
        it succeeds. ``data`` is JSON; it is stored encrypted.

        ``on`` is what of the mount is acted on, where only one may act at a time: who comes second waits
        until the first has committed or settled, and begins again; so does who has read what was changed.
        """
        undo: AbstractAsyncContextManager[None] = self.core.intents.announce(self, kind, data, on)
        return undo

    def wake_at(self, when: int, reference: str) -> None:
        """Have the engine's ``wake`` called with ``reference`` once ``when`` (nanoseconds) has come."""
        self.core.wakes.set(self, when, reference)

    def let_sleep(self, when: int, reference: str) -> None:
        """Take back :meth:`wake_at`; nothing happens where it was not asked for."""
        self.core.wakes.drop(self, when, reference)

    def trust_clients(self, name: str, pem: str) -> None:
        """Have TLS accept client certificates of these authorities or leaves, from the next connection on.

        ``name`` is the role that trusts them, in place of what it trusted before; an empty ``pem`` ends it.
        """
        self.core.client_trust.put(self, name, pem)

    @property
    def judged(self) -> str:
        """The path as the token's policies name it."""
        return self.outer + self.path

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the engine may see, names in lower case.

        They are those that its mount passes through and those that the path declares; never one that
        holds the client's token.
        """
        if self.mount is None:
            raise AssertionError("the headers of a request that has no mount")
        names = self.mount.passthrough_headers
        if self.path_class is not None:
            names = names | self.path_class.reads_headers
        received, token = self.received, self.token
        return {
            name: received[name]
            for name in names
            if name in received and not (token and token in received[name])
        }

    @property
    def relative(self) -> str:
        """The path inside the mount."""
        return self.path[len(self.mount_point) :]
