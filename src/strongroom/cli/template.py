"""``template``: consul-template's command line."""

from __future__ import annotations

from strongroom.cli.command import Commands
from strongroom.cli.flag import Flag, FlagError, parse

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

BAD_FLAGS = 13
EXEC = "Process options"
LOG = "Log options"
SERVER = "Server options"
CONSUL = "Options about Consul, which is not read: they have no effect"

_TRANSPORT = (
    ("dial-keep-alive", "string", "Pause between signs of life on an idle connection."),
    ("dial-timeout", "string", "How long a connection may take to be made."),
    ("disable-keep-alives", "bool", "Make a connection for each request."),
    ("max-idle-conns-per-host", "int", "How many idle connections are kept."),
    ("max-conns-per-host", "int", "How many connections there may be at once."),
    ("tls-handshake-timeout", "string", "How long TLS may take to be agreed on."),
)
_RETRY = (
    ("", "bool", "Try again what failed; true unless set."),
    ("-attempts", "int", "How often before the process ends: 12; 0: for ever."),
    ("-backoff", "string", "Wait before the second attempt: 250ms; it doubles each time."),
    ("-max-backoff", "string", "Longest wait between attempts: 1m; 0: no limit."),
)
_SSL = (
    ("", "bool", "Heed the TLS options; true unless set."),
    ("-ca-cert", "string", "PEM file with the authority that signed the server's certificate."),
    ("-ca-path", "string", "Folder of such PEM files."),
    ("-cert", "string", "PEM file with the certificate to show the server, and maybe its key."),
    ("-key", "string", "PEM file with the private key of that certificate."),
    ("-server-name", "string", "Name to expect in the server's certificate."),
    ("-verify", "bool", "Check the server's certificate; true unless set."),
)


def _options(prefix: str, rows: tuple[tuple[str, str, str], ...], group: str) -> tuple[Flag, ...]:
    return tuple(Flag(f"{prefix}{name}", kind, text, group=group) for name, kind, text in rows)


FLAGS = (
    Flag("config", "list", "Configuration file, or folder of such. May be repeated."),
    Flag(
        "template", "list", "A template: SOURCE:DESTINATION or SOURCE:DESTINATION:COMMAND. May be repeated."
    ),
    Flag("once", "bool", "Render everything once, and end."),
    Flag("dry", "bool", "Print what would be written, below the names of the files."),
    Flag("parse-only", "bool", "Read the templates, render none, and end."),
    Flag("wait", "string", "MIN or MIN:MAX to wait for quiet before a file is written again, as in 5s:10s."),
    Flag("default-left-delimiter", "string", "What begins an action of a template; {{ unless set."),
    Flag("default-right-delimiter", "string", "What ends it; }} unless set."),
    Flag(
        "template-error-fatal", "bool", "End when a template fails; true unless set. Wins over each template."
    ),
    Flag("kill-signal", "string", "The signal that ends the process: SIGINT."),
    Flag("reload-signal", "string", "The signal that has the configuration read again: SIGHUP."),
    Flag("pid-file", "string", "File to write the process's ID to."),
    Flag("version", "bool", "Print the version, and end.", aliases=("v",)),
    Flag("exec", "string", "Run this command once all is rendered; its exit code is ours.", group=EXEC),
    Flag("exec-kill-signal", "string", "What asks it to end: SIGINT.", group=EXEC),
    Flag("exec-kill-timeout", "string", "How long it has for that before it is killed: 30s.", group=EXEC),
    Flag(
        "exec-reload-signal",
        "string",
        "What it gets when files changed; without, it is restarted.",
        group=EXEC,
    ),
    Flag("exec-splay", "string", "Longest random wait before that.", group=EXEC),
    Flag("exec-env-pristine", "bool", "Pass nothing of the environment on.", group=EXEC),
    Flag("exec-env-custom", "list", "Pass NAME=VALUE on in any case. May be repeated.", group=EXEC),
    Flag("exec-env-allowlist", "list", "Pass only variables of such names on. May be repeated.", group=EXEC),
    Flag("exec-env-denylist", "list", "Pass no variables of such names on. May be repeated.", group=EXEC),
    Flag("log-level", "string", "trace, debug, info, warn or err: warn.", group=LOG),
    Flag("log-file", "string", "Write the log to this file too.", group=LOG),
    Flag("log-rotate-bytes", "int", "Start a new log file at this size.", group=LOG),
    Flag("log-rotate-duration", "string", "Start a new log file after this long: 24h.", group=LOG),
    Flag("log-rotate-max-files", "int", "How many old log files to keep; 0: all, -1: none.", group=LOG),
    Flag("syslog", "bool", "Write the log to syslog too.", group=LOG),
    Flag("syslog-facility", "string", "The facility there: LOCAL0.", group=LOG),
    Flag("syslog-name", "string", "The program's name there.", group=LOG),
    Flag("vault-addr", "string", "Where the server is: an http, https or unix URL.", group=SERVER),
    Flag(
        "vault-token",
        "string",
        "The token to use. Others on this machine can see it: use VAULT_TOKEN.",
        group=SERVER,
    ),
    Flag(
        "vault-agent-token-file", "string", "File with the token, read again when it changes.", group=SERVER
    ),
    Flag(
        "vault-unwrap-token", "bool", "The token is a wrapping token that holds the one to use.", group=SERVER
    ),
    Flag(
        "vault-renew-token", "bool", "Keep the token alive; true, unless it is another's file.", group=SERVER
    ),
    Flag(
        "vault-default-lease-duration",
        "string",
        "When secrets without a lease are read again: 5m.",
        group=SERVER,
    ),
    Flag("vault-client-user-agent", "string", "The User-Agent of requests.", group=SERVER),
    *_options("vault-retry", _RETRY, SERVER),
    *_options("vault-ssl", _SSL, SERVER),
    *_options("vault-transport-", _TRANSPORT, SERVER),
    Flag("consul-addr", "string", "Address.", group=CONSUL),
    Flag("consul-auth", "string", "Name and password.", group=CONSUL),
    Flag("consul-token", "string", "Token.", group=CONSUL),
    Flag("consul-token-file", "string", "File with the token.", group=CONSUL),
    *_options("consul-retry", _RETRY, CONSUL),
    *_options("consul-ssl", _SSL, CONSUL),
    *_options("consul-transport-", _TRANSPORT, CONSUL),
    Flag("dedup", "bool", "Share the work with others.", group=CONSUL),
    Flag("max-stale", "string", "How old an answer may be.", group=CONSUL),
    Flag("retry", "string", "Wait between attempts.", group=CONSUL),
)


@commands.add("template", flags=FLAGS, raw=True)
def template(session: Session) -> int:
    """Render files from secrets and keep them fresh: consul-template's command line and configuration.

    It runs until it is interrupted. The exit codes are consul-template's: 0, 12 when it was interrupted, 13
    for wrong flags, 14 for what failed, 15 for a wrong configuration, and that of the process -exec runs.
    Flags win over the configuration in CT_LOCAL_CONFIG, that over files, and those over VAULT_ADDR,
    VAULT_TOKEN and the like.

    $ {name} template -template "app.ctmpl:/etc/app.conf:systemctl reload app"
    $ {name} template -config=/etc/consul-template.d -once
    $ {name} template -template "app.ctmpl:/run/app.conf" -exec "/usr/bin/app -c /run/app.conf"
    """
    try:
        flags, rest = parse(FLAGS, session.arguments, lambda _: "")
    except FlagError as error:
        session.warn(str(error))
        return BAD_FLAGS
    if rest:
        session.warn(f"Not flags, and so not known: {' '.join(rest)}")
        return BAD_FLAGS
    if flags["version"]:
        from strongroom import __version__  # noqa: PLC0415 (see tree.py)

        session.print(f"Strongroom v{__version__}")
        return 0
    from strongroom.agent.standalone.process import main  # noqa: PLC0415 (the whole agent)

    return main(flags, frozenset(flags.given))
