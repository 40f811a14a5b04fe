"""Files and directories into one checked :class:`AgentConfig`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from strongroom.agent.config.check import check
from strongroom.agent.config.reader import Reader
from strongroom.agent.config.stanza import AgentConfig
from strongroom.hcl import Object, ParseError, parse
from strongroom.setting import ConfigError, Place, Problem

_SUFFIXES = (".hcl", ".json", ".ctmpl.hcl")


def load(paths: Sequence[str], *, proxy: bool = False) -> AgentConfig:
    """The configuration in files and directories; a later one overrides keys and adds to lists.

    Directories give their ``*.hcl`` and ``*.json`` in the order of their names. Raises ConfigError with
    everything that is wrong.
    """
    texts = [(str(file), _text(file)) for path in paths for file in _files(Path(path))]
    return parsed(texts, proxy=proxy)


def parsed(texts: Iterable[tuple[str, str]], *, proxy: bool = False) -> AgentConfig:
    """The configuration that texts declare, each with the name of its source. Raises ConfigError."""
    config = AgentConfig()
    problems: list[Problem] = []
    warnings: list[str] = []
    for source, text in texts:
        reader = Reader(source)
        reader.fill(config, _tree(text, source))
        problems += reader.problems
        warnings += reader.warnings
    if not problems:
        config = _completed(config)
        problems += check(config, proxy=proxy)
    if problems:
        raise ConfigError(problems)
    config.warnings = tuple(warnings)
    return config


def _tree(text: str, source: str) -> Object:
    try:
        return parse(text)
    except ParseError as error:
        raise ConfigError([Problem(Place(source, error.line, error.column), error.sentence)]) from None


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES and each.is_file())
    if not found:
        raise ConfigError([Problem(Place(str(path)), "no *.hcl or *.json file stands there")])
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise ConfigError([Problem(Place(str(file)), error.strerror or "cannot be read")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(Place(str(file)), "is not UTF-8")]) from None


def _completed(config: AgentConfig) -> AgentConfig:
    """What one key says for all stanzas, written into each."""
    for method in [config.auto_auth.method] if config.auto_auth and config.auto_auth.method else []:
        method.label = method.label or method.type
        method.mount_path = method.mount_path.strip("/") or f"auth/{method.label}"
    for listener in config.listeners:
        listener.label = listener.label or listener.type
    if config.cache and config.cache.persist:
        config.cache.persist.label = config.cache.persist.label or config.cache.persist.type
    for sink in config.auto_auth.sinks if config.auto_auth else ():
        sink.label = sink.label or sink.type
    left = config.default_delimiters
    for template in config.templates if left else ():
        assert left is not None  # noqa: S101  for the type checker
        if "left_delimiter" not in template.given:
            template.left_delimiter = left.left
        if "right_delimiter" not in template.given:
            template.right_delimiter = left.right
    return _tls_of_consul_template(_log_of_consul_template(config))


def _log_of_consul_template(config: AgentConfig) -> AgentConfig:
    if isinstance(config.log_file, dict):
        stanza = config.log_file
        config.log_file = str(stanza.get("path", ""))
        config.log_rotate_bytes = int(stanza.get("log_rotate_bytes", 0))
        config.log_rotate_max_files = int(stanza.get("log_rotate_max_files", 0))
    return config


def _tls_of_consul_template(config: AgentConfig) -> AgentConfig:
    ssl = config.vault.ssl
    if ssl is None:
        return config
    vault = config.vault
    config.vault = replace(
        vault,
        ca_cert=vault.ca_cert or ssl.ca_cert,
        ca_path=vault.ca_path or ssl.ca_path,
        client_cert=vault.client_cert or ssl.cert,
        client_key=vault.client_key or ssl.key_ or ssl.cert,
        tls_skip_verify=vault.tls_skip_verify or not ssl.verify,
        tls_server_name=vault.tls_server_name or ssl.server_name,
    )
    return config
