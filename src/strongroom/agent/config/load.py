"""Files and directories into one checked :class:`AgentConfig`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from strongroom.agent.conduct import Conduct
from strongroom.agent.config.caution import cautions
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
    texts = [(str(file), _text(file)) for path in paths for file in _files(_named(path))]
    return parsed(texts, proxy=proxy)


def parsed(
    texts: Iterable[tuple[str, str | Object]],
    *,
    proxy: bool = False,
    conduct: Conduct | None = None,
    finish: Callable[[AgentConfig], None] = lambda _: None,
) -> AgentConfig:
    """The configuration that texts declare, each with the name of its source. Raises ConfigError.

    A tree counts as a text. ``finish`` may complete what was read before it is checked.
    """
    config = AgentConfig(conduct=conduct or Conduct())
    problems: list[Problem] = []
    warnings: list[str] = []
    for source, text in texts:
        reader = Reader(source, strict=config.conduct.alone)
        reader.fill(config, _tree(text, source) if isinstance(text, str) else text)
        problems += reader.problems
        warnings += reader.warnings
    if not problems:
        finish(config)
        config = _completed(config)
        problems += check(config, proxy=proxy)
    if problems:
        raise ConfigError(problems)
    config.warnings = (*warnings, *cautions(config, proxy=proxy))
    return config


def _tree(text: str, source: str) -> Object:
    try:
        return parse(text)
    except ParseError as error:
        raise ConfigError([Problem(Place(source, error.line, error.column), error.sentence)]) from None


def texts_below(path: str) -> list[tuple[str, str]]:
    """The text of a file, or of all files in a folder and below, in the order of their names.

    What begins with a dot is left out: the inner workings of mounted volumes. Raises ConfigError.
    """
    top = _named(path)
    if not top.is_dir():
        return [(path, _text(top))]
    found = [each for each in top.rglob("*") if each.is_file()]
    seen = [each for each in found if not any(p.startswith(".") for p in each.relative_to(top).parts)]
    return [(str(each), _text(each)) for each in sorted(seen)]


def _named(path: str) -> Path:
    if not path:
        raise ConfigError([Problem(Place("-config"), "names no file")])
    return Path(path)


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
    return _tls_of_consul_template(_log(config))


def _log(config: AgentConfig) -> AgentConfig:
    """What stands beside ``log_file`` means the same as what stands in it."""
    for name in ("log_rotate_bytes", "log_rotate_duration", "log_rotate_max_files"):
        if name in config.given:
            setattr(config.log_file, name, getattr(config, name))
    return config


def _tls_of_consul_template(config: AgentConfig) -> AgentConfig:
    ssl = config.vault.ssl
    if ssl is None:
        return config
    if "enabled" in ssl.given and not ssl.enabled:
        config.vault = replace(config.vault, ssl=None)
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
