"""The parts of a parsed template. ``position`` is an offset into its text.

Without comparison and representation: nobody asks for them, and starts are timed.
"""

from __future__ import annotations

from msgspec import Struct, field


class Node(Struct):
    position: int

    def __str__(self) -> str:
        """The words that an error tells; none for what is longer than a few."""
        return ""


class Text(Node):
    text: str


class Dot(Node):
    def __str__(self) -> str:
        return "."


class Nil(Node):
    def __str__(self) -> str:
        return "nil"


class Bool(Node):
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


class Number(Node):
    """A literal: which kinds of number it can be, as Go's constants have no type until they are used."""

    text: str
    integer: int | None
    real: float | None
    imaginary: complex | None = None

    def __str__(self) -> str:
        return self.text


class String(Node):
    quoted: str
    text: str

    def __str__(self) -> str:
        return self.quoted


class Identifier(Node):
    """The name of a function."""

    name: str

    def __str__(self) -> str:
        return self.name


class Field(Node):
    """``.a.b``: looked up from the dot."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class Variable(Node):
    """``$x.a``: a variable and the fields asked of it."""

    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


class Chain(Node):
    """``(pipeline).a.b``"""

    node: Node
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return inner + "".join(f".{name}" for name in self.names)


class Command(Node):
    """A function or value and its arguments."""

    args: list[Node]

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


class Pipe(Node):
    """Commands joined by ``|``, and the variables that take the result."""

    names: tuple[str, ...]
    assigns: bool
    commands: list[Command]

    def __str__(self) -> str:
        names = f"{', '.join(self.names)} {'=' if self.assigns else ':='} " if self.names else ""
        return names + " | ".join(str(command) for command in self.commands)


class Body(Node):
    nodes: list[Node] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Nothing but white space: such a definition never replaces one with content."""
        return all(isinstance(node, Text) and not node.text.strip() for node in self.nodes)


class Action(Node):
    pipe: Pipe


class Branch(Node):
    """What ``if``, ``with`` and ``range`` have in common."""

    pipe: Pipe
    body: Body
    otherwise: Body | None

    def chained(self) -> Branch | None:
        """The branch that an ``else if`` or ``else with`` goes on with."""
        nodes = self.otherwise.nodes if self.otherwise else []
        alone = nodes[0] if len(nodes) == 1 else None
        return alone if isinstance(alone, If | With) else None


class If(Branch):
    pass


class With(Branch):
    pass


class Range(Branch):
    pass


class Break(Node):
    pass


class Continue(Node):
    pass


class Call(Node):
    """``{{ template "name" pipeline }}``"""

    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return "template"
