"""A tree as canonical text: two spaces, aligned ``=``, blank lines where blocks meet.

Adjacent one-line assignments stay adjacent; everything else is set apart by one blank line.
Comments keep their place, literals their spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from strongroom.hcl.node import Comment, Item, Key, List, Literal, Node, Object

_INDENT = "  "
_IDENT = re.compile(r"[^\W\d][\w.\-]*")
_PLAIN = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\\ud800-\udfff]|\$(?=\{)')


class _Entry(Struct):
    """Something to print in a body: an item with its comments, or comments alone (no node)."""

    node: Item | Node | None
    line: int
    end_line: int
    lead: list[Comment] = field(default_factory=list)
    trail: list[Comment] = field(default_factory=list)


def dump(tree: Object) -> str:
    """The canonical text of a tree; parsing it gives an equal tree. Ends in one newline."""
    return _body(tree, "") + "\n"


def quote(value: str) -> str:
    """A string in quotes; ``${`` is escaped so that it stays text."""
    return '"' + _ESCAPED.sub(_escape, value) + '"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char == "$":
        return "\\x24"
    return _PLAIN.get(char) or f"\\x{ord(char):02x}"


def _body(body: Object, indent: str) -> str:
    chunks: list[list[_Entry]] = []
    for entry in _entries(body.items, body.comments):
        if chunks and _adjoins(chunks[-1][-1], entry):
            chunks[-1].append(entry)
        else:
            chunks.append([entry])
    return "\n\n".join(_chunk(chunk, indent) for chunk in chunks)


def _adjoins(above: _Entry, below: _Entry) -> bool:
    if below.lead or not (_one_line(above) and _one_line(below)):
        return False
    if _assigned(above) != _assigned(below):
        return False
    return below.line == above.end_line + 1 or below.line == above.line == 0


def _assigned(entry: _Entry) -> bool:
    return isinstance(entry.node, Item) and entry.node.assigned


def _one_line(entry: _Entry) -> bool:
    value = entry.node.value if isinstance(entry.node, Item) else None
    match value:
        case Literal():
            return "\n" not in value.source
        case List():
            return _fits_one_line(value)
        case Object():
            return not value.items and not value.comments
    return False


def _chunk(entries: Sequence[_Entry], indent: str) -> str:
    if entries[0].node is None:
        return _comments(entries[0].lead, indent)
    lines = _aligned([(*_halves(entry, indent), entry.trail) for entry in entries])
    lead = _comments(entries[0].lead, indent)
    return "\n".join(([lead] if lead else []) + [indent + line for line in lines])


def _halves(entry: _Entry, indent: str) -> tuple[str, str]:
    item = entry.node
    assert isinstance(item, Item)  # noqa: S101  # bodies hold items only; lists print themselves
    keys = " ".join(_key(key) for key in item.keys)
    if item.assigned and len(item.keys) == 1:
        return keys, "= " + _value(item.value, indent)
    return keys, _value(item.value, indent)


def _aligned(rows: Sequence[tuple[str, str, list[Comment]]]) -> list[str]:
    width = max(len(left) for left, _, _ in rows)
    lines = [f"{left:{width}} {right}" for left, right, _ in rows]
    longest = max(len(line) for line in lines)
    return [
        f"{line:{longest}} {_trailing(trail)}" if trail else line
        for line, (_, _, trail) in zip(lines, rows, strict=True)
    ]


def _trailing(comments: Iterable[Comment]) -> str:
    return " ".join(comment.text for comment in comments)


def _comments(comments: Iterable[Comment], indent: str) -> str:
    return "\n".join(indent + comment.text for comment in comments)


def _key(key: Key) -> str:
    if key.quoted or not _IDENT.fullmatch(key.name) or key.name in ("true", "false"):
        return quote(key.name)
    return key.name


def _value(node: Node, indent: str) -> str:
    if isinstance(node, Literal):
        return _literal(node)
    if isinstance(node, List):
        return _list(node, indent)
    if not node.items and not node.comments:
        return "{}"
    return "{\n" + _body(node, indent + _INDENT) + "\n" + indent + "}"


def _literal(literal: Literal) -> str:
    if literal.source:
        return literal.source.replace("\r\n", "\n")
    if isinstance(literal.value, bool):
        return "true" if literal.value else "false"
    return quote(literal.value) if isinstance(literal.value, str) else repr(literal.value)


def _list(node: List, indent: str) -> str:
    if _fits_one_line(node):
        return "[" + ", ".join(_value(item, indent) for item in node.items) + "]"
    inner = indent + _INDENT
    lines: list[str] = []
    entries = list(_entries(node.items, node.comments))
    width = max(
        (len(_element(entry, inner)) for entry in entries if isinstance(entry.node, Literal)), default=0
    )
    for entry in entries:
        lead = _comments(entry.lead, inner)
        if lead:
            lines += ["", lead] if lines else [lead]
        if entry.node is not None:
            line = _element(entry, inner)
            lines.append(inner + (f"{line:{width}} {_trailing(entry.trail)}" if entry.trail else line))
    return "[\n" + "\n".join(lines) + "\n" + indent + "]"


def _fits_one_line(node: List) -> bool:
    return not node.comments and all(
        isinstance(item, Literal) and item.line == node.line and "\n" not in item.source
        for item in node.items
    )


def _element(entry: _Entry, indent: str) -> str:
    node = entry.node
    if node is None or isinstance(node, Item):
        return ""
    if isinstance(node, Literal) and node.source.startswith("<<"):
        return _value(node, indent) + "\n" + indent + ","
    return _value(node, indent) + ","


def _entries(nodes: Sequence[Item | Node], comments: Sequence[Comment]) -> list[_Entry]:
    """Nodes and comments in the order of the text, comments given to the nodes they belong to."""
    entries = [_Entry(node, node.line, _end_line(node)) for node in nodes]
    ending = {entry.end_line: entry for entry in entries}
    loose: list[Comment] = []
    for comment in comments:
        owner = ending.get(comment.line)
        if owner is not None and _precedes(owner, comment) and comment.end_line == comment.line:
            owner.trail.append(comment)
        else:
            loose.append(comment)
    starting = {entry.line: entry for entry in reversed(entries)}
    for group in _groups(loose):
        last = group[-1].end_line
        owner = starting.get(last + 1) or starting.get(last)
        if owner is not None and not owner.lead and group[0].line <= owner.line:
            owner.lead = group
        else:
            entries.append(_Entry(None, group[0].line, last, lead=group))
    return sorted(entries, key=lambda entry: entry.line)


def _precedes(entry: _Entry, comment: Comment) -> bool:
    node = entry.node
    return node is not None and (node.line, node.column) < (comment.line, comment.column)


def _end_line(node: Item | Node) -> int:
    return node.value.end_line if isinstance(node, Item) else node.end_line


def _groups(comments: Iterable[Comment]) -> list[list[Comment]]:
    groups: list[list[Comment]] = []
    for comment in comments:
        if groups and comment.line <= groups[-1][-1].end_line + 1:
            groups[-1].append(comment)
        else:
            groups.append([comment])
    return groups
