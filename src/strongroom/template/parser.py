"""Tokens into a tree, by recursive descent, with Go's rules for variables, definitions and branches."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import NoReturn

from strongroom.template import literal
from strongroom.template.errors import SyntaxMistake
from strongroom.template.foreign import unknown
from strongroom.template.lexer import Kind, Lexer, Token, place
from strongroom.template.node import (
    Action,
    Body,
    Bool,
    Branch,
    Break,
    Call,
    Chain,
    Command,
    Continue,
    Dot,
    Field,
    Identifier,
    If,
    Nil,
    Node,
    Number,
    Pipe,
    Range,
    String,
    Text,
    Variable,
    With,
)

MAX_NESTING = 100
BRANCHES: dict[str, type[Branch]] = {"if": If, "with": With, "range": Range}
TERMS = frozenset(
    {
        Kind.NAME,
        Kind.BOOL,
        Kind.NUMBER,
        Kind.CHARACTER,
        Kind.STRING,
        Kind.RAW,
        Kind.FIELD,
        Kind.VARIABLE,
        Kind.DOT,
    },
)
# What has no fields, and takes no value from a pipe.
CONSTANTS = (Bool, String, Number, Nil, Dot)


@dataclass
class Parser:
    """One text: its main body and the definitions it makes."""

    text: str
    name: str
    functions: Container[str]
    left: str = ""
    right: str = ""
    definitions: dict[str, Body] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tokens = Lexer(self.text, name=self.name, left=self.left, right=self.right).run()
        self.index = 0
        self.variables: list[str] = ["$"]
        self.depth = 0
        self.loops = 0

    def parse(self) -> Body:
        body, ended = self.body(top=True)
        if ended.kind is not Kind.END:
            self.fail(f"unexpected {{{{{ended.text}}}}}", ended)
        return body

    # Tokens

    def fail(self, sentence: str, token: Token | None = None) -> NoReturn:
        line, column = place(self.text, (token or self.peek()).position)
        raise SyntaxMistake(sentence, name=self.name, line=line, column=column)

    def peek(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.tokens[self.index]
        if token.kind is not Kind.END:
            self.index += 1
        return token

    def skip_space(self) -> Token:
        while self.tokens[self.index].kind is Kind.SPACE:
            self.index += 1
        return self.tokens[self.index]

    def close(self, context: str) -> None:
        if self.skip_space().kind is not Kind.CLOSE:
            self.fail(f"unexpected {self.peek()} in {context}")
        self.next()

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            self.fail(f"nested more than {MAX_NESTING} deep")

    # Bodies

    def body(self, *, top: bool = False) -> tuple[Body, Token]:
        """Nodes up to an ``else``, an ``end`` or the end of the text, and the token that ended them."""
        self.enter()
        body = Body(self.peek().position)
        while True:
            token = self.next()
            if token.kind is Kind.END:
                break
            if token.kind is Kind.TEXT:
                body.nodes.append(Text(token.position, token.text))
                continue
            word = self.skip_space()
            if word.kind is Kind.KEYWORD and word.text in {"else", "end"}:
                self.next()
                token = word
                break
            node = self.action(top)
            if node is not None:
                body.nodes.append(node)
        self.depth -= 1
        return body, token

    def action(self, top: bool) -> Node | None:
        token = self.peek()
        if token.kind is not Kind.KEYWORD or token.text == "nil":
            return Action(token.position, self.pipeline("command", Kind.CLOSE))
        self.next()
        if token.text in BRANCHES:
            return self.branch(token)
        if token.text in {"break", "continue"}:
            return self.leave(token)
        if token.text == "template":
            return self.call(token)
        if token.text == "block":
            return self.block(token)
        if not top:
            self.fail("unexpected {{define}}", token)
        self.define(token)
        return None

    def branch(self, token: Token) -> Branch:
        """With all that ``else if`` and ``else with`` add: they end together."""
        self.enter()
        kept = len(self.variables)
        chain = [self.link(token)]
        otherwise: Body | None = None
        while chain[-1][2].text == "else":
            word = self.skip_space()
            if word.kind is not Kind.KEYWORD or word.text != token.text or word.text == "range":
                otherwise = self.otherwise()
                break
            chain.append(self.link(self.next()))
        else:
            self.close("end")
        del self.variables[kept:]
        self.depth -= 1
        while True:
            branch, position = chain.pop()[:2]
            branch.otherwise = otherwise
            if not chain:
                return branch
            otherwise = Body(position, [branch])

    def link(self, token: Token) -> tuple[Branch, int, Token]:
        """A condition and what stands under it; where it begins, and what ended it."""
        pipe = self.pipeline(token.text, Kind.CLOSE)
        self.loops += token.text == "range"
        body, ended = self.body()
        self.loops -= token.text == "range"
        if ended.kind is Kind.END:
            self.fail("unexpected end of file", ended)
        return BRANCHES[token.text](token.position, pipe, body, None), token.position, ended

    def otherwise(self) -> Body:
        self.close("else")
        body, ended = self.body()
        if ended.text == "else":
            self.fail("expected end; found {{else}}", ended)
        if ended.kind is Kind.END:
            self.fail("unexpected end of file", ended)
        self.close("end")
        return body

    def leave(self, token: Token) -> Node:
        if not self.loops:
            self.fail(f"{{{{{token.text}}}}} outside {{{{range}}}}", token)
        self.close(f"{{{{{token.text}}}}}")
        return Break(token.position) if token.text == "break" else Continue(token.position)

    def template_name(self, context: str) -> str:
        token = self.skip_space()
        if token.kind not in {Kind.STRING, Kind.RAW}:
            self.fail(f"unexpected {token} in {context}")
        return self.string(self.next()).text

    def call(self, token: Token) -> Call:
        name = self.template_name("template clause")
        pipe = None
        if self.skip_space().kind is Kind.CLOSE:
            self.next()
        else:
            pipe = self.pipeline("template clause", Kind.CLOSE)
        return Call(token.position, name, pipe)

    def block(self, token: Token) -> Call:
        name = self.template_name("block clause")
        pipe = self.pipeline("block clause", Kind.CLOSE)
        self.definition(name, token)
        return Call(token.position, name, pipe)

    def define(self, token: Token) -> None:
        name = self.template_name("define clause")
        self.close("define clause")
        self.definition(name, token)

    def definition(self, name: str, token: Token) -> None:
        """A body that sees no variables but its own ``$``, and no loop around it."""
        variables, loops = self.variables, self.loops
        self.variables, self.loops = ["$"], 0
        body, ended = self.body()
        self.variables, self.loops = variables, loops
        if ended.text != "end" or ended.kind is Kind.END:
            self.fail(f"unexpected {ended} in {token.text} clause", ended)
        self.close("end")
        self.add(name, body, token)

    def add(self, name: str, body: Body, token: Token) -> None:
        known = self.definitions.get(name)
        if known is None or known.is_empty():
            self.definitions[name] = body
        elif not body.is_empty():
            self.fail(f"multiple definition of template {literal.quote(name)}", token)

    # Pipelines

    def pipeline(self, context: str, end: Kind) -> Pipe:
        self.enter()
        start = self.skip_space()
        names, assigns = self.declaration(context)
        pipe = Pipe(start.position, names, assigns, [])
        while True:
            token = self.skip_space()
            if token.kind is end and (end is Kind.CLOSE or token.text == ")"):
                self.check(pipe, context)
                self.next()
                break
            if token.kind not in TERMS and token.text not in {"(", "nil"}:
                self.fail(f"unexpected {token} in {context}")
            pipe.commands.append(self.command())
        self.variables.extend(names)  # that what is assigned to was declared, is seen when it is done
        self.depth -= 1
        return pipe

    def check(self, pipe: Pipe, context: str) -> None:
        if not pipe.commands:
            self.fail(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], CONSTANTS):
                self.fail(f"non executable command in pipeline stage {stage}")

    def declaration(self, context: str) -> tuple[tuple[str, ...], bool]:
        """``$x :=``, ``$x =`` or ``$key, $value :=`` before a pipeline; nothing is consumed otherwise."""
        begun = self.index
        names: list[str] = []
        while self.skip_space().kind is Kind.VARIABLE:
            names.append(self.next().text)
            sign = self.skip_space().text
            if sign in {":=", "="}:
                self.next()
                return tuple(names), sign == "="
            if sign != "," or context != "range":
                break
            self.next()
            if len(names) == 2:
                self.fail("too many declarations in range")
        self.index = begun
        return (), False

    def command(self) -> Command:
        command = Command(self.skip_space().position, [])
        while True:
            operand = self.operand()
            if operand is not None:
                command.args.append(operand)
            token = self.peek()
            if token.kind is Kind.SPACE:
                self.skip_space()
                if self.peek().kind in TERMS or self.peek().text in {"(", "nil"}:
                    continue
                token = self.peek()
            if token.kind is Kind.SIGN and token.text == "|":
                self.after_bar()
            elif token.kind is not Kind.CLOSE and token.text != ")":
                self.fail(f"unexpected {token} in operand")
            break
        if not command.args:
            self.fail("empty command")
        return command

    def after_bar(self) -> None:
        self.next()
        token = self.skip_space()
        if token.kind is Kind.CLOSE or token.text == ")":
            self.fail("missing value for command")

    def operand(self) -> Node | None:
        node = self.term()
        if node is None or self.peek().kind is not Kind.FIELD:
            return node
        first = self.peek()
        names: list[str] = []
        while self.peek().kind is Kind.FIELD:
            names.append(self.next().text[1:])
        if isinstance(node, CONSTANTS):
            self.fail(f"unexpected . after term {literal.quote(str(node))}", first)
        if isinstance(node, Field):
            return Field(node.position, (*node.names, *names))
        if isinstance(node, Variable):
            return Variable(node.position, node.name, (*node.names, *names))
        return Chain(node.position, node, tuple(names))

    def term(self) -> Node | None:
        token = self.peek()
        if token.text == "(" and token.kind is Kind.SIGN:
            self.next()
            return self.pipeline("parenthesized pipeline", Kind.SIGN)
        if token.kind is Kind.KEYWORD and token.text == "nil":
            return Nil(self.next().position)
        if token.kind not in TERMS:
            return None
        return self.simple(self.next())

    def simple(self, token: Token) -> Node:
        at = token.position
        match token.kind:
            case Kind.NAME:
                if token.text not in self.functions:
                    self.fail(f"function {literal.quote(token.text)} {unknown(token.text)}", token)
                return Identifier(at, token.text)
            case Kind.DOT:
                return Dot(at)
            case Kind.BOOL:
                return Bool(at, token.text == "true")
            case Kind.FIELD:
                return Field(at, (token.text[1:],))
            case Kind.VARIABLE:
                if token.text not in self.variables:
                    self.fail(f"undefined variable {literal.quote(token.text)}", token)
                return Variable(at, token.text)
            case Kind.NUMBER | Kind.CHARACTER:
                return self.number(token)
            case _:
                return self.string(token)

    def number(self, token: Token) -> Number:
        read = literal.number if token.kind is Kind.NUMBER else literal.character
        try:
            return read(token.text, token.position)
        except (ValueError, OverflowError):
            self.fail(f"bad number syntax: {literal.quote(token.text)}", token)

    def string(self, token: Token) -> String:
        try:
            return String(token.position, token.text, literal.unquote(token.text))
        except ValueError:
            self.fail("invalid syntax in string", token)
