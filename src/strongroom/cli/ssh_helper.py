"""``ssh-helper``: what a host's PAM runs to check a password that is good for one login."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import PLAIN

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

ECHO, ECHOED = "verify-echo-request", "verify-echo-response"
ENTRIES = {
    "vault_addr": "address",
    "ssh_mount_point": "mount-point",
    **{
        name: name.replace("_", "-")
        for name in (
            "address", "mount_point", "namespace", "ca_cert", "ca_path", "tls_server_name", "tls_skip_verify",
            "allowed_roles", "allowed_cidr_list",
        )
    },
}  # fmt: skip
"""What a configuration file may say, and the flag that each stands for."""
LONGEST = 1024
"""Characters of a password that are read, at most."""

FLAGS = (
    Flag("config", "string", "Read the settings from this file, in the form of vault-ssh-helper."),
    Flag("mount-point", "string", "Where the SSH engine is mounted.", default="ssh"),
    Flag("allowed-roles", "string", "Roles whose passwords are accepted, with commas; * for all."),
    Flag("allowed-cidr-list", "string", "Accept passwords for addresses in these networks too."),
    Flag("username", "string", "Who logs in; else what PAM says."),
    Flag("verify-only", "bool", "Only find out whether the server would answer."),
    Flag("dev", "bool", "Means nothing; vault-ssh-helper has it.", hidden=True),
)


@commands.add("ssh-helper", flags=(*PLAIN, *FLAGS))
def ssh_helper(session: Session) -> int:
    """Check the password on standard input, for the PAM of a host.

    Ends with 0 when the server knows the password, and it is for the user who logs in, for
    an address of this host, and by an allowed role; else with 1. The password is used up in
    any case. No token is needed, and none is sent. In /etc/pam.d/sshd:

        auth requisite pam_exec.so quiet expose_authtok /usr/bin/strongroom ssh-helper -config=/etc/helper.hcl
    """
    session.anonymous = True
    if session.flags["config"]:
        _configure(session, session.flags["config"])
    if session.flags["verify-only"]:
        if _verify(session, ECHO).get("message") != ECHOED:
            raise Failure("The server answers, but not as an SSH engine does", 1)
        return session.succeed("The server would check passwords.")
    user = session.flags["username"] or session.terminal.environ.get("PAM_USER", "")
    if not user:
        raise Failure("Nobody logs in: PAM_USER is not set", 1)
    roles, networks = _split(session.flags["allowed-roles"]), _split(session.flags["allowed-cidr-list"])
    if not roles:
        raise Failure("No role is allowed: set allowed_roles, to * for all", 1)
    password = session.terminal.stdin.read(LONGEST).partition("\0")[0].strip()
    if not password or password == ECHO:
        raise Failure("There is no password on standard input", 1)
    flaw = judge(_verify(session, password), user, roles, networks, is_own)
    if flaw:
        raise Failure(flaw, 1)
    return 0


def judge(
    answer: dict[str, Any], user: str, roles: list[str], networks: list[str], own: Callable[[str], bool]
) -> str:
    """What is wrong with a password by what the server told of it; empty for nothing."""
    if answer.get("username") != user:
        return "The password is for another user"
    if roles != ["*"] and answer.get("role_name") not in roles:
        return "The password is of a role that is not allowed here"
    address = str(answer.get("ip"))
    if not (_within(address, networks) or own(address)):
        return "The password is for another host"
    return ""


def _verify(session: Session, password: str) -> dict[str, Any]:
    mount = session.flags["mount-point"].strip("/")
    with doing("The password was not accepted", 1):
        answer = session.client.write(f"{mount}/verify", {"otp": password})
    found: dict[str, Any] = (answer or {}).get("data") or {}
    return found


def _configure(session: Session, path: str) -> None:
    """Set what a file says, where no flag says otherwise. Raises Failure."""
    from strongroom.hcl import ParseError, parse  # noqa: PLC0415 (slow to import)

    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is slow to import)
            entries = parse(file.read()).plain()
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise Failure(f"{path} cannot be read: {error}", 1) from None
    known = {flag.name: flag for flag in session.command.flags}
    for name, value in entries.items():
        if name not in ENTRIES or isinstance(value, list | dict):
            raise Failure(f"{path}: there is no setting {name} of this kind", 1)
        flag = known[ENTRIES[name]]
        if flag.name not in session.flags.given:
            text = str(value).lower() if flag.kind == "bool" else str(value)
            session.flags[flag.name] = flag.parse(text)
            session.flags.given.add(flag.name)


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _within(address: str, networks: list[str]) -> bool:
    """Whether an address is in one of the networks. Raises Failure for what is no network."""
    from ipaddress import ip_address, ip_network  # noqa: PLC0415 (slow to import)

    try:
        ip, allowed = ip_address(address), [ip_network(text, strict=False) for text in networks]
    except ValueError as error:
        raise Failure(f"No address or network: {error}", 1) from None
    return any(ip.version == network.version and ip in network for network in allowed)


def is_own(address: str) -> bool:
    """Whether an address is one by which others reach this host: a socket can be bound to it.

    Those of the loopback are every host's, so a password for one would be good everywhere.
    """
    import socket  # noqa: PLC0415 (rare)
    from ipaddress import ip_address  # noqa: PLC0415 (as above)

    ip = ip_address(address)
    if ip.is_loopback or ip.is_unspecified or ip.is_multicast:
        return False
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
