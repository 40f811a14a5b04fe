"""HCL1 and JSON of the same shape, with a position for everything."""

from __future__ import annotations

from strongroom.hcl.error import ParseError
from strongroom.hcl.node import Block, Comment, Item, Key, List, Literal, Node, Object, Scalar
from strongroom.hcl.parser import parse

__all__ = [
    "Block",
    "Comment",
    "Item",
    "Key",
    "List",
    "Literal",
    "Node",
    "Object",
    "ParseError",
    "Scalar",
    "parse",
]
