"""One template: its text, what it depends on, and where its rendering goes."""

from __future__ import annotations

import logging
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.agent import files
from strongroom.agent.config import EnvTemplate, Template
from strongroom.agent.exit import Exit
from strongroom.agent.state import TemplateState
from strongroom.template import (
    Dependency,
    FileContent,
    FileWrite,
    Options,
    Renderable,
    Rendered,
    TemplateError,
    World,
    parse,
)

_log = logging.getLogger("agent.template")
DEFAULT_MODE = 0o644


@dataclass(slots=True)
class Target:
    """A template at work. ``rendered`` is what was last written, None before the first time."""

    stanza: Template | EnvTemplate
    text: Renderable
    options: Options
    state: TemplateState
    dependencies: frozenset[Dependency] = frozenset()
    missing: int = 1
    rendered: bytes | None = field(default=None, repr=False)
    files: dict[str, tuple[int, int, int] | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return self.state.destination

    @property
    def marker(self) -> Path | None:
        """A file that tells that the command still has to run, should the agent die before it does."""
        if not isinstance(self.stanza, Template) or self.stanza.cycle is None:
            return None
        path = Path(self.stanza.destination)
        return path.with_name(f".{path.name}.restart")

    @property
    def ready(self) -> bool:
        """Whether it was rendered, and is not waiting for anything."""
        return self.rendered is not None

    def render(self, world: World) -> Rendered:
        """Render, and remember what that needs. Raises TemplateError."""
        found: Rendered = self.text.render(world, self.options)
        self.dependencies = frozenset(found.dependencies)
        self.missing = self.state.missing = len(found.missing)
        for each in self.dependencies:
            if isinstance(each, FileContent) and each.path not in self.files:
                self.files[each.path] = stamp(each.path)
        return found

    def write(self, found: Rendered, *, dry: bool = False) -> bool:
        """Put the rendering where it belongs; False when it is there already. Raises Unwritable.

        A ``dry`` one is printed instead, below the name of the place.
        """
        if dry:
            return self._print(found.content)
        for each in found.writes:
            _write_aside(each)
        if isinstance(self.stanza, EnvTemplate):
            changed = self.rendered != found.content
            self.rendered = found.content
            return changed
        path, shape = Path(self.stanza.destination), _shape(self.stanza)
        if _holds(path, found.content) and files.owned(path, shape):
            first, self.rendered = self.rendered is None, found.content
            return first and self.marker is not None and self.marker.exists()
        if self.stanza.backup:
            files.back_up(path)
        if self.marker is not None:
            own = files.Shape(0o600)
            files.write(self.marker, b"", own, default_mode=0o600, create_dirs=self.stanza.create_dest_dirs)
        files.write(
            path,
            found.content,
            shape,
            default_mode=DEFAULT_MODE,
            create_dirs=self.stanza.create_dest_dirs,
        )
        self.rendered = found.content
        return True

    def _print(self, content: bytes) -> bool:
        place = name_of(self.stanza)
        if self.rendered == content or (self.rendered is None and place and _holds(Path(place), content)):
            self.rendered = content
            return False
        self.rendered = content
        try:
            sys.stdout.flush()
            sys.stdout.buffer.write(f"> {place}\n".encode() + content)
            sys.stdout.buffer.flush()
        except OSError as error:
            raise files.Unwritable(f"standard output cannot be written: {error.strerror}") from None
        return True


def name_of(stanza: Template | EnvTemplate) -> str:
    """What a template is called in sentences."""
    return stanza.label if isinstance(stanza, EnvTemplate) else stanza.destination


def target_of(stanza: Template | EnvTemplate, state: TemplateState) -> Target:
    """Read a template. Raises Exit when it cannot be read: an agent without its templates is of no use."""
    name = stanza.source or state.destination
    try:
        text = Path(stanza.source).read_text("utf-8", "surrogateescape") if stanza.source else stanza.contents
    except OSError as error:
        raise Exit(1, f"{stanza.source} cannot be read: {error.strerror}") from None
    options = Options(
        error_on_missing_key=stanza.error_on_missing_key,
        function_denylist=frozenset(stanza.function_denylist),
        sandbox_path=getattr(stanza, "sandbox_path", ""),
    )
    try:
        read = parse(
            text, engine=stanza.engine, name=name, left=stanza.left_delimiter, right=stanza.right_delimiter
        )
        return Target(stanza, read, options, state)
    except TemplateError as error:
        raise Exit(1, str(error)) from None


def stamp(path: str) -> tuple[int, int, int] | None:
    """What changes when a file does."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _holds(path: Path, content: bytes) -> bool:
    try:
        found = path.stat()
        alike = stat.S_ISREG(found.st_mode) and found.st_size == len(content)
        return alike and path.read_bytes() == content
    except OSError:
        return False


def _shape(stanza: Template) -> files.Shape:
    uid = files.user_id(stanza.user) if stanza.user else stanza.uid
    gid = files.group_id(stanza.group) if stanza.group else stanza.gid
    return files.Shape(stanza.perms, uid, gid)


def _write_aside(wanted: FileWrite) -> None:
    """What ``writeToFile`` asked for."""
    path = Path(wanted.path)
    content = wanted.content.encode("utf-8", "surrogateescape")
    if "newline" in wanted.flags:
        content += b"\n"
    if "append" in wanted.flags and path.exists():
        content = path.read_bytes() + content
    elif _holds(path, content):
        return
    shape = files.Shape(
        int(wanted.mode, 8) if wanted.mode else None,
        files.user_id(wanted.user) if wanted.user else None,
        files.group_id(wanted.group) if wanted.group else None,
    )
    files.write(path, content, shape, default_mode=DEFAULT_MODE, create_dirs=True)
