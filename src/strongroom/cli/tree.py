"""Where each command is declared. Only the module of the command that runs is imported."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.command import Command, Commands

DEEPEST = 4  # words of the longest command
COMMON = {
    "read": ("data", "Read data and secrets"),
    "write": ("data", "Write data, configuration and secrets"),
    "delete": ("data", "Delete data, configuration and secrets"),
    "list": ("data", "List the names below a path"),
    "login": ("login", "Log in and remember the token"),
    "agent": ("run", "Run the agent"),
    "proxy": ("run", "Run the proxy"),
    "server": ("run", "Run the server"),
    "status": ("status", "Show whether the server is sealed"),
    "unwrap": ("data", "Open a wrapped answer"),
}
OTHER = {
    "audit": ("audit", "Audit devices"),
    "auth": ("auth", "Auth methods"),
    "completion": ("completion", "Print the completion script of a shell"),
    "debug": ("debug", "Collect what a support case needs"),
    "explain": ("explain", "Say why a request would be allowed or denied"),
    "kv": ("kv", "Key-value secrets, versioned or not"),
    "lease": ("lease", "Leases of secrets and tokens"),
    "monitor": ("monitor", "Follow the server's log"),
    "namespace": ("namespace", "Namespaces"),
    "operator": ("operator", "Initialise, unseal, rotate and look after a server"),
    "patch": ("data", "Change parts of what is at a path"),
    "path-help": ("data", "Describe a path, in the server's words"),
    "pki": ("pki", "Certificate authorities: new issuers, how they relate, health"),
    "plugin": ("plugin", "The catalog of plugins"),
    "policy": ("policy", "Policies"),
    "print": ("token", "Show what this command would use"),
    "scan": ("data", "List the names at all levels below a path"),
    "secrets": ("secrets", "Secrets engines"),
    "ssh": ("ssh", "Log in to a host by a certificate or a password for one login"),
    "ssh-helper": ("ssh_helper", "Check such a password, on the host"),
    "template": ("template", "Render files from secrets, as consul-template does"),
    "token": ("token", "Tokens"),
    "transit": ("transit", "Keys from elsewhere for a transit engine"),
    "version": ("status", "Show the version of this command"),
    "version-history": ("status", "Show which versions the server has run"),
}
# Further modules of a group, looked into when the first does not have the command.
FURTHER = {
    "kv": ("kvmetadata", "kvtree"),
    "pki": ("pkihealth",),
    "operator": ("raft", "rekey", "rootgen"),
}
GROUPS = {
    "audit": "Audit devices record every request and every answer.",
    "auth": "Auth methods check who someone is, and give a token for it.",
    "completion": "Completion scripts for shells.",
    "kv": "Key-value secrets: store, read, and go back to older versions.",
    "kv metadata": "What is kept about a secret besides its values.",
    "lease": "A lease says how long a secret or token lives. Look up, extend, or end one.",
    "namespace": "Namespaces are servers within the server, each with its own mounts and policies.",
    "operator": "For those who run servers: initialise, unseal, rotate keys, look after the cluster.",
    "operator raft": "Look after the nodes of a raft cluster.",
    "operator raft autopilot": "See what the autopilot of a raft cluster sees.",
    "operator raft snapshot": "Save and restore everything stored in a raft cluster.",
    "pki": "Certificate authorities in several mounts: make issuers, compare them, check a mount's health.",
    "plugin": "Look at the plugins the server knows, and reload them.",
    "policy": "Policies say which paths a token may use, and how.",
    "print": "Show what this command would use.",
    "secrets": "Secrets engines keep, make or encrypt secrets, each mounted at a path.",
    "transit": "Bring keys from elsewhere into a transit engine.",
    "token": "Tokens are what every request is made with.",
}


def commands_of(module: str) -> Commands:
    """The commands a module of this package declares."""
    commands: Commands = import_module(f"strongroom.cli.{module}").commands
    return commands


def commands_under(first: str) -> dict[str, Command]:
    """All commands whose words begin with ``first``."""
    module, _ = COMMON.get(first) or OTHER[first]
    found = dict(commands_of(module))
    for further in FURTHER.get(first, ()):
        found.update(commands_of(further))
    return found


def find(argv: list[str]) -> tuple[str, Command | None, list[str]]:
    """The words that name a command or group, the command (None for a group), and the rest.

    All of it is empty when the first word names nothing.
    """
    first = argv[0]
    if first in {"-autocomplete-install", "--autocomplete-install"}:
        return find(["completion", "install", *argv[1:]])
    if first not in COMMON and first not in OTHER:
        return _find_old(argv)
    module, _ = COMMON.get(first) or OTHER[first]
    for name in (module, *FURTHER.get(first, ())):
        command, count = _longest(commands_of(name), argv)
        if command:
            return command.words, command, argv[count:]
    count = max((count for count in range(1, len(argv) + 1) if " ".join(argv[:count]) in GROUPS), default=0)
    if first == "auth" and len(argv) > count:
        older = _find_old(argv)
        return older if older[1] else (first, None, argv[count:])
    return " ".join(argv[:count]), None, argv[count:]


def _longest(commands: Commands, argv: list[str]) -> tuple[Command | None, int]:
    """The command whose words ``argv`` begins with, and how many words that are."""
    for count in range(min(len(argv), DEEPEST), 0, -1):
        command = commands.get(" ".join(argv[:count]))
        if command:
            return command, count
    return None, 0


def _find_old(argv: list[str]) -> tuple[str, Command | None, list[str]]:
    from strongroom.cli.old import translate  # noqa: PLC0415 (rare)

    modern = translate(argv)
    return find(modern) if modern else ("", None, argv)


def every_command() -> list[Command]:
    """All commands, in the order of their words: for help and completion."""
    found: dict[str, Command] = {}
    for first in (*COMMON, *OTHER):
        found.update(commands_under(first))
    return [found[name] for name in sorted(found)]
