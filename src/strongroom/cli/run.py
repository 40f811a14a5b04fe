"""``server``, ``agent`` and ``proxy``: those that stay."""

from __future__ import annotations

import gc

from strongroom.cli.command import Commands
from strongroom.cli.flag import Flag
from strongroom.cli.options import FORMATTED, HTTP

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

LOG = (
    Flag("log-file", "string", "Write the log to this file too."),
    Flag("log-format", "string", "standard or json.", env="LOG_FORMAT"),
    Flag("log-level", "string", "trace, debug, info, warn or error.", env="LOG_LEVEL"),
    Flag("log-rotate-bytes", "int", "Start a new log file at this size."),
    Flag("log-rotate-duration", "string", "Start a new log file after this long."),
    Flag("log-rotate-max-files", "int", "How many old log files to keep."),
)
DEV = "Development options"
SERVER = (
    Flag("config", "list", "Configuration file or directory. May be repeated.", env="CONFIG_PATH"),
    *LOG,
    Flag("exit-on-core-shutdown", "bool", "Exit when the core gives up."),
    Flag("recovery", "bool", "Start in recovery mode; refused, since there is none."),
    Flag("dev", "bool", "A throw-away server in memory, unsealed.", group=DEV),
    Flag("dev-cluster-json", "string", "File to describe the server in.", group=DEV),
    Flag("dev-listen-address", "string", "Address to listen on.", env="DEV_LISTEN_ADDRESS",
         default="127.0.0.1:8200", group=DEV),
    Flag("dev-no-store-token", "bool", "Do not store the root token for this user.", group=DEV),
    Flag("dev-root-token-id", "string", "The root token.", env="DEV_ROOT_TOKEN_ID", group=DEV),
    Flag("dev-tls", "bool", "Serve TLS with a certificate made for it.", group=DEV),
    Flag("dev-tls-cert-dir", "string", "Where to put that certificate.", group=DEV),
    Flag("dev-kv-v1", "bool", "Mount version 1 of kv at secret/, not 2.", group=DEV),
    Flag("dev-storage", "string", "Directory to keep the data in, not memory.", group=DEV),
    *(flag.unseen() for flag in HTTP),  # scripts pass them to every command; they mean nothing here
)  # fmt: skip
AGENT = (
    Flag("config", "list", "Configuration file. May be repeated.", env="AGENT_CONFIG_PATH"),
    Flag("exit-after-auth", "bool", "Exit after the first login."),
    *LOG,
    *HTTP,
)
GENERATE = (
    Flag("type", "string", "What to generate: env-template.", default=""),
    Flag("exec", "string", "The program and its arguments.", default="env"),
    Flag("path", "list", "A secret, or a folder of secrets with /* at its end. May be repeated."),
    *HTTP,
)
PROXY = (
    Flag("config", "list", "Configuration file. May be repeated.", env="PROXY_CONFIG_PATH"),
    *AGENT[1:],
)


class Importing:
    """Importing leaves nothing to collect; looking for it would take a twentieth of an agent's start."""

    def __enter__(self) -> None:
        gc.disable()

    def __exit__(self, *raised: object) -> None:
        gc.enable()


@commands.add("server", flags=SERVER)
def server(session: Session) -> int:
    """Run the server.

    $ {name} server -config=/etc/strongroom/server.hcl
    $ {name} server -dev
    """
    with Importing():
        from strongroom.server import main  # noqa: PLC0415 (the whole server)

    return main(session.flags)


@commands.add("agent", flags=AGENT)
def agent(session: Session) -> int:
    """Run the agent: it logs in, renders files from secrets, and keeps both fresh.

    $ {name} agent -config=agent.hcl
    """
    with Importing():
        from strongroom.agent.process import main  # noqa: PLC0415 (the whole agent)

    return main(session.flags)


@commands.add("agent status", flags=(AGENT[0], *FORMATTED))
def agent_status(session: Session) -> int:
    """Show how the agent with a configuration is doing.

    It is asked at its status_socket, or beside its pid_file. The exit code is 0 when all is well, 2 when the
    server is away, the login fails or a template waits, and 1 when no agent answers.

    $ {name} agent status -config=agent.hcl
    """
    from strongroom.cli.agent import status  # noqa: PLC0415 (as below)

    return status(session)


@commands.add("agent generate-config", "[FILE]", flags=GENERATE, count=(0, 1))
def agent_generate_config(session: Session) -> int:
    """Write a configuration that runs a program with secrets in its environment.

    $ {name} agent generate-config -type=env-template -exec="./my-app arg" -path=secret/my-app agent.hcl
    """
    from strongroom.cli.agent import generate_config  # noqa: PLC0415 (reads secrets)

    return generate_config(session)


@commands.add("proxy", flags=PROXY)
def proxy(session: Session) -> int:
    """Run the proxy: it passes requests on to the server, with a token of its own where wanted.

    $ {name} proxy -config=proxy.hcl
    """
    with Importing():
        from strongroom.agent.process import main  # noqa: PLC0415 (the whole agent)

    return main(session.flags, proxy=True)
