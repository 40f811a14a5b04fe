"""``ssh``: log in with a certificate or a password that the server makes for this one login."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED
from strongroom.cli.output import print_secret
from strongroom.cli.ssh_destination import destination

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
EXTENSIONS = (
    "permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty",
    "permit-user-rc",
)  # fmt: skip
"""What a login allows where its role does not say otherwise."""

FLAGS = (
    Flag("mode", "string", "ca for a certificate, otp for a password; else what the role is for."),
    Flag("role", "string", "Role of the SSH engine; else the only one that there is for the host."),
    Flag("mount-point", "string", "Where the SSH engine is mounted.", default="ssh/"),
    Flag("no-exec", "bool", "Print the certificate or the password; do not run ssh."),
    Flag("public-key-path", "string", "Public key to certify; else that of the first usual key."),
    Flag("private-key-path", "string", "The key that belongs to it; else the same name without .pub."),
    Flag("valid-principals", "string", "Users that the certificate is for, with commas; else the one."),
    Flag("host-key-mount-point", "string", "Trust hosts certified by this mount.",
         env="SSH_HOST_KEY_MOUNT_POINT"),
    Flag("host-key-hostnames", "string", "Names of the hosts that it is trusted for, with commas.",
         default="*", env="SSH_HOST_KEY_HOSTNAMES"),
    Flag("strict-host-key-checking", "string", "StrictHostKeyChecking of ssh.",
         env="SSH_STRICT_HOST_KEY_CHECKING"),
    Flag("user-known-hosts-file", "string", "UserKnownHostsFile of ssh.", env="SSH_USER_KNOWN_HOSTS_FILE"),
    Flag("ssh-executable", "string", "The program to run.", default="ssh", env="SSH_EXECUTABLE"),
)  # fmt: skip


@commands.add("ssh", "[USER@]HOST [SSH ARGUMENTS]", flags=(*FIELDED, *FLAGS), count=(1, None), passes_on=True)
def ssh(session: Session) -> int:
    """Log in to HOST by a certificate or a password for one login.

    All words after the flags are ssh's own; ``--`` before them where the first is an option.
    A certificate is for the key in ~/.ssh that ssh would take first, and is removed after
    the login. A password is typed by sshpass, where that is installed, else shown. Ends with
    the exit code of ssh.

        $ {name} ssh -mode=ca -role=ops ann@web1.example.com
        $ {name} ssh -mode=otp -role=ops ann@10.0.0.5 -p 2222 uptime
    """
    named, host = destination(session.arguments)
    if not host:
        raise Failure("No host in the arguments of ssh", 1)
    user = named or _own_name()
    role = session.flags["role"] or _only_role(session, host)
    mode = session.flags["mode"] or _mode_of(session, role)
    if mode == "ca":
        return _by_certificate(session, role, user)
    if mode == "otp":
        return _by_password(session, role, user, host)
    if mode == "dynamic":
        raise Failure("Dynamic keys are no longer made by any server; use -mode=ca", 1)
    raise Failure(f"Unknown SSH mode: {mode}", 1)


def _own_name() -> str:
    import getpass  # noqa: PLC0415 (rare)

    return getpass.getuser()


def _mount(session: Session) -> str:
    mount: str = session.flags["mount-point"]
    return mount.strip("/")


def _only_role(session: Session, host: str) -> str:
    """The role for a host, when there is but one."""
    with doing("No -role given, and the roles for this host could not be found", 1):
        answer = session.client.write(f"{_mount(session)}/lookup", {"ip": _address(host)}) or {}
    roles = answer["data"]["roles"] or []
    if len(roles) == 1:
        return str(roles[0])
    which = f"there are {', '.join(roles)}" if roles else "there is none for this host"
    raise Failure(f"No -role given: {which}", 1)


def _mode_of(session: Session, role: str) -> str:
    with doing("No -mode given, and the role could not be read", 1):
        answer = session.client.read(f"{_mount(session)}/roles/{role}")
    if answer is None:
        raise Failure(f'No -mode given, and there is no role "{role}"', 1)
    return str(answer["data"]["key_type"])


def _address(host: str) -> str:
    """An address of a host."""
    import socket  # noqa: PLC0415 (rare)

    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Failure(f'Error resolving the ssh hostname: "{error.strerror}"', 1) from None
    return str(found[0][4][0])


# -- certificates ----------------------------------------------------------------------------------


def _by_certificate(session: Session, role: str, user: str) -> int:
    public, private = _key_files(session)
    try:
        with open(public, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is slow to import)
            key = file.read()
    except (OSError, UnicodeDecodeError):
        raise Failure(f"failed to read public key {public}", 1) from None
    body = {
        "public_key": key,
        "valid_principals": session.flags["valid-principals"] or user,
        "cert_type": "user",
        "extensions": dict.fromkeys(EXTENSIONS, ""),
    }
    with doing(f"failed to sign public key {public}"):
        answer = _signed(session, role, body)
    if session.field or session.flags["no-exec"]:
        return print_secret(session, answer)
    files = {"login-cert.pub": answer["data"]["signed_key"]}
    options = ["-i", private, "-o", "CertificateFile={folder}/login-cert.pub"]
    if session.flags["host-key-mount-point"]:
        files["known_hosts"] = _authority(session)
    return _run(session, options, files)


def _key_files(session: Session) -> tuple[str, str]:
    """The public key and the private one."""
    home = session.terminal.environ.get("HOME", "")
    public, private = session.flags["public-key-path"], session.flags["private-key-path"]
    usual = [f"{home}/.ssh/{name}.pub" for name in KEYS]
    public = public or (f"{private}.pub" if private else next(filter(_is_file, usual), ""))
    if not public:
        raise Failure("Could not find an SSH public key. Specify with -public-key-path.", 1)
    return public, private or public.removesuffix(".pub")


def _is_file(path: str) -> bool:
    import os.path  # noqa: PLC0415 (as above)

    return os.path.isfile(path)  # noqa: PTH113 (pathlib is slow to import)


def _signed(session: Session, role: str, body: dict[str, Any]) -> dict[str, Any]:
    """The certificate; with what the role allows by itself where it does not allow the usual."""
    from strongroom.client.error import ApiError  # noqa: PLC0415 (as above)

    path = f"{_mount(session)}/sign/{role}"
    try:
        answer: dict[str, Any] = session.client.write(path, body)
    except ApiError as error:
        if error.status != 400 or "not on allowed list" not in str(error):
            raise
        answer = session.client.write(path, {**body, "extensions": {}})
    return answer


def _authority(session: Session) -> str:
    """The line of known_hosts that trusts the hosts certified by a mount."""
    from strongroom.client.request import Request  # noqa: PLC0415 (as above)

    mount = session.flags["host-key-mount-point"].strip("/")
    with doing("failed to get the host signing key"):
        key = session.client.send(Request("GET", f"{mount}/public_key")).body.decode().strip()
    return f"@cert-authority {session.flags['host-key-hostnames']} {key}\n"


# -- passwords -------------------------------------------------------------------------------------


def _by_password(session: Session, role: str, user: str, host: str) -> int:
    body = {"ip": _address(host), "username": user}
    with doing("failed to generate credential"):
        answer = session.client.write(f"{_mount(session)}/creds/{role}", body)
    if session.field or session.flags["no-exec"]:
        return print_secret(session, answer)
    import shutil  # noqa: PLC0415 (rare)

    password = answer["data"]["key"]
    environ = dict(session.terminal.environ)
    sshpass = shutil.which("sshpass", path=environ.get("PATH"))
    if sshpass is None:
        session.warn(f"There is no sshpass here to type the password: type it when ssh asks.\n\n{password}\n")
        return _run(session, [], {})
    return _run(session, [], {}, before=[sshpass, "-e"], environ={**environ, "SSHPASS": password})


# -- ssh -------------------------------------------------------------------------------------------


def _run(
    session: Session,
    options: list[str],
    files: dict[str, str],
    before: list[str] | None = None,
    environ: dict[str, str] | None = None,
) -> int:
    """Run ssh with files in a folder that is gone afterwards; gives its exit code."""
    import subprocess  # noqa: PLC0415 (slow to import)
    import tempfile  # noqa: PLC0415 (as above)

    with tempfile.TemporaryDirectory(prefix="strongroom-ssh-") as folder:
        for name, text in files.items():
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:  # noqa: PTH123 (as above)
                file.write(text)
        flags = [word.replace("{folder}", folder) for word in options] + _host_options(session, files, folder)
        command = [*(before or []), session.flags["ssh-executable"], *flags, *session.arguments]
        try:
            done = subprocess.run(command, env=environ, check=False)  # noqa: S603 (as asked for)
        except OSError as error:
            raise Failure(f"failed to run ssh command: {error.strerror}", 1) from None
    return done.returncode


def _host_options(session: Session, files: dict[str, str], folder: str) -> list[str]:
    """How ssh is to check the host."""
    known, strict = session.flags["user-known-hosts-file"], session.flags["strict-host-key-checking"]
    if "known_hosts" in files:
        known, strict = f"{folder}/known_hosts", strict or "yes"
    wanted = {"StrictHostKeyChecking": strict, "UserKnownHostsFile": known}
    return [word for name, value in wanted.items() if value for word in ("-o", f"{name}={value}")]
