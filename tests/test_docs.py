"""What the documents show is true: commands exist, configurations load, code is that of the examples."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from strongroom.agent.config import parsed
from strongroom.cli.flag import parse
from strongroom.cli.tree import find
from strongroom.config.load import load
from strongroom.policy import password
from strongroom.policy.parser import parse_policy

ROOT = Path(__file__).parent.parent
DOCUMENTS = tuple(
    sorted(
        [
            *ROOT.glob("*.md"),
            *(ROOT / "docs").rglob("*.md"),
            *(ROOT / "examples").rglob("*.md"),
            *(ROOT / "changelog").glob("*.md"),
        ]
    )
)
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[\s(`])strongroom ([a-z-][^)<|;`\n]*)")
_AGENT = re.compile(r"^(?:vault|auto_auth|cache|template|env_template|exec|cycle) ", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


class Block(NamedTuple):
    """A fenced block of a document."""

    document: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}-{self.text.strip().splitlines()[0][:40]}"


def blocks(language: str) -> list[Block]:
    return [
        Block(document, language, found[2])
        for document in DOCUMENTS
        for found in _FENCE.finditer(document.read_text())
        if found[1] == language
    ]


def commands() -> Iterator[tuple[str, str]]:
    """The command lines in consoles: where they stand, and their words."""
    for block in blocks("console"):
        for line in block.text.splitlines():
            if line.startswith("$ "):
                for found in _COMMAND.finditer(line[1:]):
                    yield str(block.document.relative_to(ROOT)), found[1].strip()


def configurations() -> list[Block]:
    return [block for block in blocks("hcl") if 'listener "' in block.text and block not in agents()]


def agents() -> list[Block]:
    """Configurations of the agent and the proxy, and parts of such."""
    return [block for block in blocks("hcl") if _AGENT.search(block.text)]


def policies() -> list[str]:
    shown = [block.text for block in blocks("hcl") if re.search(r'^path "', block.text, re.MULTILINE)]
    return shown + re.findall(
        r'^path "[^\n]*\{\n.*?^\}\n', (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize(("document", "line"), tuple(dict.fromkeys(commands())))
def test_commands_exist_with_their_flags(document: str, line: str) -> None:
    argv = shlex.split(line)
    _, command, rest = find(argv)
    assert command is not None, f"{document}: no such command: {line}"
    _, positional = parse(command.flags, rest, lambda _: "")
    command.check_count(len(positional))


@pytest.mark.parametrize("block", configurations(), ids=str)
def test_configurations_load(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "server.hcl"
    file.write_text(block.text)
    config = load([str(file)], {})
    assert config.storage is not None
    assert not config.warnings


@pytest.mark.parametrize("block", agents(), ids=str)
def test_configurations_of_agents_load(block: Block) -> None:
    listener = "" if "listener " in block.text else 'listener "tcp" { tls_disable = true }'
    assert parsed([("shown", block.text), ("rest", listener)]).warnings == ()


@pytest.mark.parametrize("text", policies())
def test_policies_parse(text: str) -> None:
    assert parse_policy("shown", text).rules


def test_password_policies_parse() -> None:
    shown = [block.text for block in blocks("hcl") if block.text.startswith("length")]
    assert shown
    assert all(password.parse(text).length for text in shown)


def test_every_hcl_block_is_one_of_those() -> None:
    known = [block.text for block in configurations() + agents()] + policies()
    assert not [str(b) for b in blocks("hcl") if b.text not in known and not b.text.startswith("length")]


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    ast.parse(textwrap.dedent(block.text))


@pytest.mark.parametrize("language", ("python", "toml"))
def test_the_engine_of_the_guide_is_the_example(language: str) -> None:
    example = ROOT / "examples/engine" / {"python": "vouchers.py", "toml": "pyproject.toml"}[language]
    source = example.read_text()
    shown = [block for block in blocks(language) if block.document.name == "engine.md"]
    assert shown
    assert not [str(block) for block in shown if block.text not in source]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = [target for target in _LINK.findall(document.read_text()) if "://" not in target]
    assert not [target for target in targets if not (document.parent / target).exists()]


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = [
        line.strip() for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("    ")
    ]
    assert [line.split()[0] for line in lines[:2]] == ["scripts/run", "scripts/test"]
    assert all((ROOT / line.split()[0]).exists() for line in lines[:2])
