"""How one key or block of a stanza is declared; reading and errors derive from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar

from strongroom.hcl import Node
from strongroom.secret import Secret
from strongroom.setting import BadValue, Place
from strongroom.setting.value import Reader, anything


@dataclass(init=False, eq=False, repr=False)
class Stanza:
    """A block of keys. ``label`` is the word between its name and its body, ``given`` what was set.

    Keys that nobody knows are warned of; where ``STRICT``, they are errors.
    """

    STRICT: ClassVar[bool] = False
    IGNORED: ClassVar[Mapping[str, str]] = {}
    """Keys that have no meaning here, and why."""

    label: str = ""
    given: frozenset[str] = frozenset()
    place: Place = field(default=Place("default"), compare=False)

    def __init__(self, **values: Any) -> None:
        # one for all: making one for each of the classes would be a part of every agent's start
        for each in fields(self):
            if each.name in values:
                value = values.pop(each.name)
            else:
                value = each.default if each.default_factory is MISSING else each.default_factory()
            setattr(self, each.name, value)
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")

    def said(self) -> dict[str, Any]:
        """All of it but where it stands."""
        return {name: value for name, value in vars(self).items() if name != "place"}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stanza) and type(other) is type(self) and other.said() == self.said()

    __hash__ = None  # type: ignore[assignment]  # it changes while it is read

    def short(self, node: Node) -> None:
        """Take over a value that stands where the block is expected. Raises BadValue."""
        raise BadValue("must be a block")


def key(
    read: Reader,
    default: Any,
    help: str = "",  # noqa: A002 - the word the whole project uses
    *,
    names: tuple[str, ...] = (),
    required: bool = False,
    ignored: str = "",
    unless: Callable[[Any], bool] | None = None,
    adds: bool = False,
    refused: str = "",
) -> Any:
    """Declare a key as a dataclass field; ``names`` are older words for it.

    What several texts say of a key that ``adds`` counts together; of others, the last counts.
    """
    metadata = {
        "read": read,
        "help": help,
        "names": names,
        "required": required,
        "ignored": ignored,
        "unless": unless,
        "adds": adds,
        "refused": refused,
    }
    if isinstance(default, Secret | dict):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


def ignored(
    reason: str = "has no meaning here",
    *,
    default: Any = None,
    unless: Callable[[Any], bool] | None = None,
) -> Any:
    """Declare a key that Vault's agent or consul-template know and that has no meaning here.

    That is told wherever it is set, ``unless`` to what happens anyway.
    """
    return key(anything, default, ignored=reason, unless=unless)


def refused(reason: str) -> Any:
    """Declare a key that others know and that must not be set here."""

    def read(node: Node) -> Any:
        raise BadValue(reason)

    return key(read, None, refused=reason)


def block(
    kind: type[Stanza],
    help: str = "",  # noqa: A002 - as above
    *,
    names: tuple[str, ...] = (),
    labelled: bool = False,
    many: bool = False,
    always: bool = False,
    once: bool = False,
) -> Any:
    """Declare a nested block: several if ``many``, one in a text if ``once``.

    With ``always`` it is there without being written.
    """
    metadata = {
        "kind": kind,
        "help": help,
        "names": names,
        "labelled": labelled,
        "many": many,
        "once": once,
    }
    if many:
        return field(default=(), metadata=metadata)
    if always:
        return field(default_factory=kind, metadata=metadata)
    return field(default=None, metadata=metadata)


_declared: dict[type[Stanza], dict[str, Field[Any]]] = {}


def declared(kind: type[Stanza]) -> dict[str, Field[Any]]:
    """The fields of a stanza by the words they may be written as."""
    found = _declared.get(kind)
    if found is not None:
        return found
    found = _declared[kind] = {}
    for each in fields(kind):
        if each.metadata:
            for name in (each.name.rstrip("_"), *each.metadata["names"]):
                found[name] = each
    return found
