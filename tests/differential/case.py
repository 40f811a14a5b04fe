"""A case is a sequence of requests, as data: the same is sent to the peer and to Strongroom.

``<name>`` in a path, a body, a header or a token stands for a variable: ``<m>`` (a word of the case's own,
for mount paths and names), ``<root>``, ``<address>``, ``<unseal>``, and whatever earlier steps kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

ROOT = "<root>"

Kind = Literal["dev", "fresh", "sealed", "tls"]


@dataclass(frozen=True, slots=True)
class Step:
    """One request. ``keep`` names variables and where in the answer they stand (``auth.client_token``).

    ``only`` narrows the comparison to the named places of the body (tables that other cases write to).
    ``unordered``: the peer lists the keys in no order. ``pause`` is seconds to wait before sending.
    ``shows`` is the file of a client certificate and its key, for a connection of the step's own.
    """

    method: str
    path: str
    body: Any = None
    token: str | None = ROOT
    headers: dict[str, str] = field(default_factory=dict)
    keep: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    unordered: bool = False
    pause: float = 0
    shows: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """``kind``: on the worker's shared development server, on one of its own, or on a sealed, empty one,
    or on one of its own that speaks TLS.

    ``audit``: the lines of the audit device are compared too, at the end. ``services``: fixtures of real
    servers that both use; what their ``variables`` hold stands for ``<name>`` in the steps.
    """

    name: str
    steps: tuple[Step, ...]
    kind: Kind = "dev"
    audit: bool = False
    services: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def case(
    name: str,
    *steps: Step | tuple[Step, ...],
    kind: Kind = "dev",
    audit: bool = False,
    services: tuple[str, ...] = (),
) -> Case:
    flat: list[Step] = []
    for step in steps:
        flat.extend(step if isinstance(step, tuple) else (step,))
    return Case(name, tuple(flat), kind, audit, services)


def get(path: str, **options: Any) -> Step:
    return Step("GET", path, **options)


def post(path: str, body: Any = None, **options: Any) -> Step:
    return Step("POST", path, body, **options)


def put(path: str, body: Any = None, **options: Any) -> Step:
    return Step("PUT", path, body, **options)


def patch(path: str, body: Any = None, **options: Any) -> Step:
    headers = {"Content-Type": "application/merge-patch+json"} | options.pop("headers", {})
    return Step("PATCH", path, body, headers=headers, **options)


def delete(path: str, **options: Any) -> Step:
    return Step("DELETE", path, **options)


def list_(path: str, **options: Any) -> Step:
    return Step("LIST", path, **options)


def scan(path: str, **options: Any) -> Step:
    return Step("SCAN", path, **options)


def mount(kind: str, at: str = "<m>", **options: Any) -> Step:
    return post(f"sys/mounts/{at}", {"type": kind, **options})


def token(name: str, **fields: Any) -> Step:
    """Create a token and keep it as ``<name>`` and its accessor as ``<name_accessor>``."""
    return post(
        "auth/token/create",
        fields,
        keep={name: "auth.client_token", f"{name}_accessor": "auth.accessor"},
    )


def policy(text: str, name: str = "<m>") -> Step:
    return put(f"sys/policies/acl/{name}", {"policy": text})


def substitute(value: Any, variables: dict[str, str]) -> Any:
    """``value`` with every known ``<name>`` replaced, in strings at any depth."""
    if isinstance(value, str):
        return re.sub(r"<(\w+)>", lambda found: str(variables.get(found[1], found[0])), value)
    if isinstance(value, bytes):
        return substitute(value.decode("latin-1"), variables).encode("latin-1")
    if isinstance(value, dict):
        return {substitute(k, variables): substitute(v, variables) for k, v in value.items()}
    if isinstance(value, list):
        return [substitute(item, variables) for item in value]
    return value
