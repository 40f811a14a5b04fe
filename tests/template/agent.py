"""The peer's agent as a referee: it renders many templates in one run."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strongroom.template import (
    UNKNOWN,
    Dependency,
    FileContent,
    Options,
    Secret,
    SecretList,
    SecretRead,
    SecretWrite,
    Template,
    TemplateError,
    World,
    read_numbers,
)
from tests.api import Answer
from tests.server import PEER, Server, clean_environment

VARIABLES = {"GREETING": "hello"}
CORPUS = Path(__file__).parent / "corpus"


def blocks(name: str) -> dict[str, str]:
    """The templates of a file of the corpus, by name."""
    parts = re.split(r"^=== (.*)\n", (CORPUS / name).read_text(), flags=re.MULTILINE)[1:]
    return {key: text.removesuffix("\n") for key, text in zip(parts[::2], parts[1::2], strict=True)}


def peer_renders(
    server: Server, folder: Path, templates: Sequence[str], options: str = ""
) -> list[bytes | None]:
    """What the peer's agent makes of each template; None where it fails."""
    folder.mkdir()
    (folder / "token").write_text(server.root_token or "")
    stanzas = [
        f'vault {{ address = "{server.address}" }}',
        "exit_after_auth = true",
        'auto_auth { method "token_file" { config { token_file_path = "%s" } } }' % (folder / "token"),
    ]
    for number, text in enumerate(templates):
        (folder / f"{number}.tpl").write_bytes(text.encode("utf-8", "surrogateescape"))
        stanzas.append(
            f'template {{ source = "{folder}/{number}.tpl"\ndestination = "{folder}/{number}.out"\n'
            f"error_fatal = false\n{options} }}"
        )
    (folder / "agent.hcl").write_text("\n".join(stanzas))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*PEER, "agent", f"-config={folder}/agent.hcl", "-log-level=error"],
            stdout=log,
            stderr=log,
            env=clean_environment(folder / "home") | VARIABLES,
        )
        try:
            _wait(process, folder, len(templates))
        finally:
            process.kill()
            process.wait()
    outs = [folder / f"{number}.out" for number in range(len(templates))]
    return [out.read_bytes() if out.exists() else None for out in outs]


def _wait(process: subprocess.Popen[bytes], folder: Path, count: int) -> None:
    """Until each template was rendered or refused; an agent with refused ones never ends by itself."""
    waiting = set(range(count))
    deadline = time.monotonic() + 60
    while waiting and process.poll() is None:
        assert time.monotonic() < deadline, f"the agent does not tell of {len(waiting)} templates"
        refused = set(re.findall(rb"/([0-9]+)\.tpl: ", (folder / "log").read_bytes()))
        waiting = {
            number
            for number in waiting
            if str(number).encode() not in refused and not (folder / f"{number}.out").exists()
        }
        time.sleep(0.02)


class Remote(World):
    """Answers from the peer's server, at once and once each."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.known: dict[Dependency, Any] = {}

    def recall(self, dependency: Dependency) -> Any:
        if dependency not in self.known:
            self.known[dependency] = self.fetch(dependency)
        return self.known[dependency]

    def fetch(self, dependency: Dependency) -> Any:
        match dependency:
            case SecretRead(path):
                return self.secret(self.server.api.request("GET", path))
            case SecretWrite(path, data):
                return self.secret(self.server.api.request("POST", path, dict(data)))
            case SecretList(path):
                return read_numbers(self.server.api.request("LIST", path).body)["data"]["keys"]
            case FileContent(path):
                return Path(path).read_text()
        return UNKNOWN

    def secret(self, answer: Answer) -> Any:
        return Secret.from_json(answer.body) if answer.status == 200 else UNKNOWN

    def environment(self) -> Mapping[str, str]:
        return VARIABLES


def we_render(text: str, world: World, **options: Any) -> bytes | None:
    """What our own language makes of a template; None where it fails."""
    try:
        done = Template.parse(text).render(world, Options(**options))
    except TemplateError:
        return None
    assert not done.missing
    return done.content
