"""The OpenAPI document, derived from the declarations of all mounted paths.

Source: the OpenAPI Specification 3.0.2; the ``x-vault-*`` keys are those of Vault's own document,
which generators of clients know. What a path class says is worked out once and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from strongroom import __version__
from strongroom.framework.backend import Backend
from strongroom.framework.field import MISSING, Field
from strongroom.framework.path import Path
from strongroom.logical import Operation

_JSON = "application/json"
_TAKEN = {"get": "read", "post": "write", "patch": "patch", "delete": "delete"}
_CONTENT = {"post": _JSON, "patch": "application/merge-patch+json"}
_VERBS = {"read": "get", "list": "get", "scan": "get", "write": "post", "patch": "patch", "delete": "delete"}
_LISTINGS = {"list": Operation.LIST, "scan": Operation.SCAN}
_OPTIONAL = re.compile(r"/?\{\w+[@*!]*\?[@*!]*\}")
_FLAGS = re.compile(r"\{(\w+)[@*!?]*\}")
_WORDS = re.compile(r"\W+")
_TAGS = {"secret": "secrets", "auth": "auth", "system": "system"}
_ALONE = frozenset({"sys/", "cubbyhole/", "identity/", "auth/token/"})
"""Mounts there is one of, at a known place."""


def document(
    mounts: Mapping[str, Backend], *, generic: bool = False, only: type[Path] | None = None
) -> dict[str, Any]:
    """OpenAPI 3.0 of the engines by mount prefix; of one path alone where ``only`` names it.

    ``generic`` puts a parameter in place of each mount's own prefix.
    """
    assembly = _Assembly()
    for prefix, backend in sorted(mounts.items()):
        where = _Place.of(prefix, generic=generic)
        for path in (only,) if only else backend.table.paths:
            assembly.add(where, backend, path)
    return {
        "openapi": "3.0.2",
        "info": {
            "title": "Strongroom API",
            "description": "The HTTP API of the engines mounted here. All paths are below `/v1/`.",
            "version": __version__,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": "/v1"}],
        "security": [{"token": []}],
        "paths": assembly.paths,
        "components": {
            "schemas": assembly.schemas,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Vault-Token"}},
        },
    }


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a mount stands in the document, and the parameter that stands for its prefix."""

    prefix: str
    parameter: dict[str, Any] | None = None

    @classmethod
    def of(cls, prefix: str, *, generic: bool) -> _Place:
        if not generic or prefix in _ALONE or not prefix:
            return cls(prefix)
        auth = "auth/" if prefix.startswith("auth/") else ""
        own = prefix.removeprefix(auth).rstrip("/")
        name = f"{_WORDS.sub('_', own)}_mount_path"
        schema = {"type": "string", "default": own}
        parameter = _parameter(name, "path", "Where the engine is mounted.", schema, required=True)
        return cls(f"{auth}{{{name}}}/", parameter)


class _Assembly:
    """The growing document: paths, the schemas they name, and the IDs that are taken."""

    def __init__(self) -> None:
        self.paths: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {}
        self._ids: set[str] = set()

    def add(self, where: _Place, backend: Backend, path: type[Path]) -> None:
        """Add all forms of one declared path; a form that an earlier one covers is left out."""
        kind = type(backend)
        for template, item in described(path):
            key = f"/{where.prefix}{template}"
            if key in self.paths:
                continue
            filled = {**item}
            if where.parameter:
                filled["parameters"] = [*item.get("parameters", ()), where.parameter]
            for verb in filled.keys() & _TAKEN.keys():
                named = {"operationId": self._id(where, template, verb), "tags": [_TAGS[kind.kind]]}
                filled[verb] = {**named, **item[verb], **self._body(kind, path, verb)}
            self.paths[key] = filled

    def _body(self, kind: type[Backend], path: type[Path], verb: str) -> dict[str, Any]:
        body = body_schema(path) if verb in _CONTENT else None
        if body is None:
            return {}
        name = _schema_name(kind, path)
        self.schemas[name] = body
        content = {_CONTENT[verb]: {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        return {"requestBody": {"required": "required" in body and verb == "post", "content": content}}

    def _id(self, where: _Place, template: str, verb: str) -> str:
        words = _WORDS.split(f"{where.prefix}/{_TAKEN[verb]}/{template}")
        wanted = "-".join(filter(None, words)).replace("_", "-")
        found, number = wanted, 2
        while found in self._ids:
            found, number = f"{wanted}-{number}", number + 1
        self._ids.add(found)
        return found


def _schema_name(kind: type[Backend], path: type[Path]) -> str:
    """A name that no other body has: the engine, its module, the path's class."""
    words = [*re.split(r"[\W_]+", kind.type), path.__module__.rpartition(".")[2], path.__qualname__]
    named = dict.fromkeys(
        "".join(part.title() for part in word.split("_")) if word.islower() else word for word in words
    )
    return "".join(named) + "Request"


# -- one path --------------------------------------------------------------------------------------


_KNOWN: dict[type[Path], tuple[tuple[str, dict[str, Any]], ...]] = {}


def described(path: type[Path]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The templates that a pattern stands for, each with its path item (without IDs and bodies)."""
    known = _KNOWN.get(path)
    if known is None:
        item = _item(path)
        known = tuple(
            (template, _with_captures(path, template, item)) for template in templates(path.pattern)
        )
        _KNOWN[path] = known
    return known


def _item(path: type[Path]) -> dict[str, Any]:
    item: dict[str, Any] = {"description": cleandoc(path.__doc__ or "")}
    if path.unauthenticated:
        item["x-vault-unauthenticated"] = True
    if path.root_protected:
        item["x-vault-sudo"] = True
    if path.checks_existence:
        item["x-vault-createSupported"] = True
    for verb in _TAKEN:
        methods = [method for method, its in _VERBS.items() if its == verb and hasattr(path, method)]
        if methods:
            item[verb] = _operation(path, verb, methods)
    return item


def templates(pattern: str) -> Iterator[str]:
    """A pattern as OpenAPI writes it: ``a/{x?}`` stands for ``a`` and ``a/{x}``."""
    pattern = pattern.removesuffix("/?")
    for hole in _OPTIONAL.finditer(pattern):
        yield _FLAGS.sub(r"{\1}", pattern[: hole.start()])
    yield _FLAGS.sub(r"{\1}", pattern)


def _with_captures(path: type[Path], template: str, item: Mapping[str, Any]) -> dict[str, Any]:
    names = _FLAGS.findall(template)
    if not names:
        return {**item}
    fields = (path.fields[name] for name in names)
    return {
        **item,
        "parameters": [_parameter(f.name, "path", f.help, f.kind.schema, required=True) for f in fields],
    }


def _operation(path: type[Path], verb: str, methods: list[str]) -> dict[str, Any]:
    texts = [cleandoc(getattr(path, method).__doc__ or "") for method in methods]
    summary, _, rest = texts[0].partition("\n")
    operation: dict[str, Any] = {"summary": summary}
    others = [f"{method}: {text}" for method, text in zip(methods[1:], texts[1:], strict=True)]
    description = "\n\n".join(filter(None, [rest.strip(), *others]))
    if description:
        operation["description"] = description
    parameters = _query(path, verb, methods)
    if parameters:
        operation["parameters"] = parameters
    operation["responses"] = _responses(path, methods)
    if path.unauthenticated:
        operation["security"] = []
    return operation


def _query(path: type[Path], verb: str, methods: list[str]) -> list[dict[str, Any]]:
    """What comes in the query string: what is declared so, and everything where no body is taken."""
    if verb in _CONTENT:
        return []
    bodiless = not hasattr(path, "write")
    fields = [f for f in path.fields.values() if not f.in_path and (f.query or bodiless)]
    found = [_parameter(f.name, "query", f.help, f.kind.schema, deprecated=f.deprecated) for f in fields]
    if methods and methods[0] in _LISTINGS and len(methods) == 1:
        schema = {"type": "string", "enum": ["true"]}
        return [*found, _parameter(methods[0], "query", "Must be `true`.", schema, required=True)]
    listings = [method for method in methods if method in _LISTINGS]
    schema = {"type": "string"}
    return found + [
        _parameter(method, "query", f"`true` to {method} what is below.", schema) for method in listings
    ]


def _parameter(name: str, place: str, text: str, schema: Mapping[str, Any], **flags: bool) -> dict[str, Any]:
    set_flags = {flag: True for flag, value in flags.items() if value}
    return {"name": name, "description": text, "in": place, "schema": dict(schema), **set_flags}


def _responses(path: type[Path], methods: list[str]) -> dict[str, Any]:
    """The statuses that the declaration names; else what the operation's return type tells."""
    found: dict[str, Any] = {}
    for method in methods:
        named = {str(status): {"description": text} for its, status, text in path.statuses if its == method}
        if named:
            found |= named
        elif getattr(path, method).__annotations__.get("return") == "None":
            found["204"] = {"description": "empty body"}
        else:
            found["200"] = {"description": "OK"}
    return found


def body_schema(path: type[Path]) -> dict[str, Any] | None:
    """The JSON schema of what a write to the path may carry; None for nothing in particular."""
    fields = [f for f in path.fields.values() if not f.in_path and not f.query]
    if not fields:
        return {"type": "object", "additionalProperties": True} if path.free_form else None
    schema: dict[str, Any] = {"type": "object", "properties": {f.name: _property(path, f) for f in fields}}
    required = [f.name for f in fields if f.required]
    return schema | {"required": required} if required else schema


def _property(path: type[Path], declared: Field) -> dict[str, Any]:
    schema = {**declared.kind.schema, "description": declared.help}
    if declared.default is not MISSING and declared.default is not None:
        schema["default"] = getattr(path, declared.attribute)
    if declared.deprecated:
        schema["deprecated"] = True
    if declared.sensitive:
        schema["x-vault-displayAttrs"] = {"sensitive": True}
    return schema
