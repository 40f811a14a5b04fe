"""Help: what a path is for, from the docstrings of its declaration."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

from strongroom.errors import UnsupportedPath
from strongroom.framework.backend import Backend
from strongroom.framework.openapi import document
from strongroom.framework.path import METHODS, Path
from strongroom.logical import Request, Response


def help_of(request: Request) -> Response:
    """The answer to ``?help=1``: text, related paths, and the path's part of the OpenAPI document."""
    backend: Backend = request.mount.backend
    if not request.relative:
        text, openapi = engine_help(backend), document({"": backend})
    elif request.path_class is None:
        raise UnsupportedPath
    else:
        text = path_help(request.path_class, request.relative)
        openapi = document({"": backend}, only=request.path_class)
    return Response(data={"help": text, "openapi": openapi, "see_also": None}, bare=True)


def engine_help(backend: Backend) -> str:
    """What an engine is for, and its paths."""
    lines = ["## DESCRIPTION", "", cleandoc(backend.help), "", "## PATHS", ""]
    for path in backend.table.paths:
        lines += [f"    {path.pattern}", f"        {summary(path)}", ""]
    return "\n".join(lines)


def path_help(path: type[Path], relative: str) -> str:
    """What a path is for, its parameters and its operations."""
    lines = [
        f"Request:        {relative}",
        f"Matching Route: {path.pattern}",
        "",
        cleandoc(path.__doc__ or ""),
    ]
    if path.fields:
        lines += ["", "## PARAMETERS", ""]
        for name, declared in sorted(path.fields.items()):
            lines += [f"    {name} ({declared.kind.schema.get('type', 'any')})", f"        {declared.help}"]
    lines += ["", "## OPERATIONS", ""]
    for method in dict.fromkeys(METHODS[operation] for operation in sorted(path.operations)):
        names = ", ".join(sorted(each for each in path.operations if METHODS[each] == method))
        lines += [f"    {names}", f"        {operation_help(path, method)}"]
    return "\n".join(lines)


def summary(path: type[Path]) -> str:
    """The first line of a path's docstring."""
    return cleandoc(path.__doc__ or "").partition("\n")[0]


def operation_help(path: type[Path], method: str) -> str:
    """The first line of an operation's docstring."""
    described: Any = getattr(path, method)
    return cleandoc(described.__doc__ or "").partition("\n")[0]
