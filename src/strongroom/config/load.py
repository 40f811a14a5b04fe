"""Files, directories and environment variables into one :class:`ServerConfig`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from strongroom.config.check import check
from strongroom.config.option import options
from strongroom.config.reader import read
from strongroom.config.stanza import (
    SEALS,
    InmemStorage,
    LmdbStorage,
    ServerConfig,
    TcpListener,
    TelemetryStanza,
)
from strongroom.hcl import Literal, Object, ParseError, parse
from strongroom.setting import BadValue, ConfigError, Place, Problem

PREFIXES = ("STRONGROOM_", "BAO_", "VAULT_")
"""Of the environment variables; the first that is set wins."""

_SUFFIXES = (".hcl", ".json")
_JOINED = ("listeners", "seals", "audits", "user_lockouts", "warnings")


def load(paths: Sequence[str], env: Mapping[str, str]) -> ServerConfig:
    """The configuration in files and directories, with what the environment overrides.

    Directories give their ``*.hcl`` and ``*.json`` in the order of their names. A later file
    overrides single keys and adds to lists of stanzas. Without paths, ``..._CONFIG_PATH``
    counts. Raises ConfigError with everything that is wrong.
    """
    if not paths:
        paths = [configured] if (configured := variable(env, "CONFIG_PATH")) else []
    if not paths:
        raise ConfigError([Problem(Place("configuration"), "no file was named (-config)")])
    config, problems = _merged(paths, env)
    return _checked(config, problems)


def dev(
    *,
    address: str = "127.0.0.1:8200",
    storage_path: str = "",
    tls_cert_file: str = "",
    tls_key_file: str = "",
    paths: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> ServerConfig:
    """The configuration of ``server -dev``: in memory, one listener without TLS, no readers.

    ``storage_path`` keeps the data there instead, TLS files turn TLS on. Files in ``paths``
    add to the defaults and override them. Raises ConfigError.
    """
    config, problems = _merged(paths, env or {})
    tls = bool(tls_cert_file)
    listener = TcpListener(
        labels=("tcp",),
        given={"address": address, "tls_disable": not tls},
        address=address,
        tls_disable=not tls,
        tls_cert_file=tls_cert_file,
        tls_key_file=tls_key_file,
        unauthenticated_metrics_access=True,
    )
    config.dev = True
    config.listeners = (listener, *config.listeners)
    if storage_path:
        config.storage = LmdbStorage(labels=("lmdb",), path=storage_path)
    elif config.storage is None:
        config.storage = InmemStorage(labels=("inmem",))
    if config.readers is None:
        config.readers = 0
    if not config.telemetry.place.line:
        config.telemetry = TelemetryStanza(disable_hostname=True, given={"disable_hostname": True})
    if "ui" not in config.given:
        config.ui = True
    return _checked(config, problems)


def variable(env: Mapping[str, str], name: str) -> str:
    """The value of ``STRONGROOM_<name>``, else ``BAO_<name>``, else ``VAULT_<name>``, else empty."""
    return next((env[prefix + name] for prefix in PREFIXES if env.get(prefix + name)), "")


def with_flags(config: ServerConfig, flags: Mapping[str, str | None]) -> ServerConfig:
    """Let flags of the command line win over files and environment; they are named like the keys.

    Raises ConfigError.
    """
    problems: list[Problem] = []
    for name, option in options(ServerConfig).items():
        value = flags.get(name)
        if not name.startswith("log_") or value is None:
            continue
        try:
            setattr(config, name, option.read(Literal.of(value)))
        except BadValue as error:
            problems.append(Problem(Place(f"flag -{name.replace('_', '-')}"), str(error)))
    if problems:
        raise ConfigError(problems)
    return config


def _merged(paths: Iterable[str], env: Mapping[str, str]) -> tuple[ServerConfig, list[Problem]]:
    config, problems = ServerConfig(), list[Problem]()
    for path in paths:
        for file in _files(path):
            found, wrong = read(_parsed(file), str(file))
            problems += wrong
            _merge(config, found)
    problems += _override(config, env)
    return config, problems


def _checked(config: ServerConfig, problems: list[Problem]) -> ServerConfig:
    problems = problems or check(config)
    if problems:
        raise ConfigError(problems)
    return config


def _files(path: str) -> list[Path]:
    place = Path(path)
    if not place.is_dir():
        return [place]
    files = sorted(each for each in place.iterdir() if each.suffix in _SUFFIXES and each.is_file())
    if not files:
        raise ConfigError([Problem(Place(path), "no *.hcl or *.json files in this directory")])
    return files


def _parsed(file: Path) -> Object:
    try:
        return parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([Problem(Place(str(file)), error.strerror or "cannot be read")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(Place(str(file)), "is not UTF-8")]) from None
    except ParseError as error:
        raise ConfigError([Problem(Place(str(file), error.line, error.column), error.sentence)]) from None


def _merge(config: ServerConfig, later: ServerConfig) -> None:
    for name in options(ServerConfig):
        if name in later.given:
            setattr(config, name, getattr(later, name))
    for name in _JOINED:
        setattr(config, name, getattr(config, name) + getattr(later, name))
    if later.storage is not None:
        config.storage = later.storage
    if later.telemetry.place.line:
        config.telemetry = later.telemetry
    config.given = {**config.given, **later.given}


def _override(config: ServerConfig, env: Mapping[str, str]) -> list[Problem]:
    """Let environment variables win over the files."""
    problems: list[Problem] = []
    for option in options(ServerConfig).values():
        value = variable(env, option.env) if option.env else ""
        if not value:
            continue
        try:
            setattr(config, option.name, option.read(Literal.of(value)))
        except BadValue as error:
            problems.append(
                Problem(Place(f"environment variable ..._{option.env}"), f"{option.name} {error}")
            )
            continue
        config.given = {**config.given, option.name: value}
    return problems + _seal_type(config, variable(env, "SEAL_TYPE"))


def _seal_type(config: ServerConfig, name: str) -> list[Problem]:
    """Let the environment choose among the seals; one without keys needs no stanza."""
    if not name or any(seal.type == name and not seal.disabled for seal in config.seals):
        return []
    if name != "shamir" or any(not seal.disabled for seal in config.seals):
        known = f"no enabled seal stanza of the type it names; types are: {', '.join(sorted(SEALS))}"
        return [Problem(Place("environment variable ..._SEAL_TYPE"), known)]
    return []
