"""What stands beside the agent: its state, and a configuration to begin with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom.cli.command import Failure
from strongroom.cli.kvpath import locate
from strongroom.cli.output import print_data
from strongroom.client.environment import variable

if TYPE_CHECKING:
    from strongroom.cli.session import Session

_NAME = re.compile(r"[^A-Za-z0-9_]")
_DEEPEST = 20


def status(session: Session) -> int:
    """See ``run.agent_status``."""
    from strongroom.agent import status as state  # noqa: PLC0415 (the whole agent)
    from strongroom.agent.config import load  # noqa: PLC0415 (as above)
    from strongroom.errors import StrongroomError  # noqa: PLC0415 (as above)

    paths = session.flags["config"]
    if not paths:
        raise Failure("Must specify at least one config path using -config", 1)
    try:
        config = load(paths)
        where = state.place(config)
        if not where:
            raise Failure("The configuration has neither status_socket nor pid_file, so no agent tells.", 1)
        document = state.ask(where)
    except StrongroomError as error:
        raise Failure(error.public, 1) from None
    if session.format == "table":
        rows = state.described(document)
        width = max(len(name) for name, _ in rows) + 4
        for name, value in rows:
            session.print(f"{name:<{width}}{value}")
    else:
        print_data(session, document)
    return 0 if state.is_well(document) else 2


def generate_config(session: Session) -> int:
    """See ``run.agent_generate_config``."""
    if session.flags["type"] != "env-template":
        raise Failure('Please specify a -type flag; currently only -type="env-template" is supported.', 1)
    file = Path(session.arguments[0] if session.arguments else "agent.hcl")
    stanzas = [stanza for path in session.flags["path"] for stanza in _stanzas(session, path)]
    text = _text(session, stanzas)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}", 1) from None
    session.warn("Warning: the file logs in with token_file, which is for development only.")
    session.print(f'Successfully generated "{file}" configuration file!')
    return 0


def _stanzas(session: Session, path: str) -> list[str]:
    if path.endswith("/*"):
        return [text for name in _under(session, path.removesuffix("*"), 0) for text in _of(session, name)]
    return _of(session, path)


def _under(session: Session, folder: str, depth: int) -> list[str]:
    """The paths of the secrets below a folder."""
    listed = session.client.list(locate(session, folder).api("metadata"))
    names = ((listed or {}).get("data") or {}).get("keys") or []
    paths: list[str] = []
    for name in names:
        if name.endswith("/") and depth < _DEEPEST:
            paths += _under(session, folder + name, depth + 1)
        elif not name.endswith("/"):
            paths.append(folder + name)
    return paths


def _of(session: Session, path: str) -> list[str]:
    """A stanza for each key of a secret."""
    found = locate(session, path)
    where = found.api("data")
    answer = session.client.read(where) or {}
    data: Any = answer.get("data") or {}
    dotted = ".Data"
    if found.versioned:
        data, dotted = data.get("data"), ".Data.data"
    if not data:
        raise Failure(f'Error: could not generate templates: could not read secret at "{path}": not found', 2)
    name = path.rstrip("/").rpartition("/")[2]
    return [_stanza(name, where, dotted, key) for key in sorted(data)]


def _stanza(name: str, where: str, dotted: str, key: str) -> str:
    field = f"{dotted}.{key}" if not _NAME.search(key) else f'index {dotted} \\"{key}\\"'
    variable_name = _NAME.sub("_", f"{name}_{key}").upper()
    contents = f'{{{{ with secret \\"{where}\\" }}}}{{{{ {field} }}}}{{{{ end }}}}'
    return f"""env_template "{variable_name}" {{
  contents             = "{contents}"
  error_on_missing_key = true
}}
"""


def _text(session: Session, stanzas: list[str]) -> str:
    home = variable(session.terminal.environ, "TOKEN_PATH") or f"{Path.home()}/.vault-token"
    words = ", ".join(f'"{word}"' for word in session.flags["exec"].split())
    return f"""auto_auth {{
  method {{
    type = "token_file"

    config {{
      token_file_path = "{home}"
    }}
  }}
}}

template_config {{
  static_secret_render_interval = "5m"
  exit_on_retry_failure         = true
}}

vault {{
  address = "{session.client.settings.address}"
}}

{"".join(stanzas)}
exec {{
  command                   = [{words}]
  restart_on_secret_changes = "always"
  restart_stop_signal       = "SIGTERM"
}}
"""
