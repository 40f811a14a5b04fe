"""``login``: prove who you are to an auth method, and keep the token it gives."""

from __future__ import annotations

from strongroom.cli import second_factor
from strongroom.cli.assignment import parse_data
from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED
from strongroom.cli.output import print_field, print_secret
from strongroom.client.environment import set_as, variable

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from strongroom.cli.session import Session

    Method = Callable[[Session, str, dict[str, Any]], Any]

commands = Commands()

SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
FLAGS = (
    Flag("method", "string", "Auth method: token, userpass, ldap, radius, cert, kubernetes, approle, jwt ...",
         default="token"),
    Flag("no-print", "bool", "Show nothing; the token is stored all the same."),
    Flag("no-store", "bool", "Do not store the token."),
    Flag("path", "string", "Where the auth method is mounted, when not at its own name."),
    Flag("token-only", "bool", "Print the token and nothing else, and do not store it."),
)  # fmt: skip


@commands.add("login", "[AUTH K=V...]", flags=(*FIELDED, *FLAGS), count=(0, None))
def login(session: Session) -> int:
    """Log in and store the token for the commands that follow.

    Without -method the argument is a token; without argument it is asked for. What is
    secret and not given is asked for without echo.

        $ {name} login
        $ {name} login -method=userpass username=ann
        $ {name} login -method=kubernetes role=web
    """
    flags = session.flags
    kind = flags["method"]
    method = METHODS.get(kind)
    if method is None:
        raise Failure(
            f'Unknown auth method: {kind}. "{session.name} auth list" shows which methods are enabled; '
            "some can only be used through the HTTP API.",
            1,
        )
    secret = _authenticate(session, method, kind, _configuration(session))
    if secret.get("wrap_info") and not secret.get("auth"):
        return print_secret(session, secret)
    wanted = second_factor.requirement(secret)
    if wanted is not None:
        proved = second_factor.prove(session, wanted)
        if proved is None:
            second_factor.explain(session)
            return print_secret(session, secret)
        secret = proved
    return _keep(session, secret)


def _configuration(session: Session) -> dict[str, Any]:
    words = session.arguments
    data = {}
    if words and session.flags["method"] == "token" and "=" not in words[0]:
        token = session.terminal.read_all().strip() if words[0] == "-" else words[0]
        data, words = {"token": token}, words[1:]
    try:
        return {**data, **parse_data(words, session.terminal)}
    except Failure as failure:
        sentence = failure.sentence.replace("Failed to parse K=V data", "Error parsing configuration")
        raise Failure(sentence, 1) from failure


def _authenticate(session: Session, method: Method, kind: str, config: dict[str, Any]) -> dict[str, Any]:
    mount = str(config.pop("mount", "")) or session.flags["path"] or kind
    try:
        with doing("Error authenticating"):
            secret = method(session, mount.strip("/").removeprefix("auth/"), config)
    except Failure as failure:
        if failure.sentence.startswith("Error authenticating"):
            raise
        raise Failure(f"Error authenticating: {failure.sentence}") from failure
    if not secret:
        raise Failure("Vault returned an empty secret")
    answer: dict[str, Any] = secret
    return answer


def _keep(session: Session, secret: dict[str, Any]) -> int:
    from strongroom.client.token_helper import token_helper  # noqa: PLC0415 (only a login stores)

    flags = session.flags
    token = (secret.get("auth") or {}).get("client_token")
    if not token:
        raise Failure("Error authenticating: no token in the answer")
    if flags["token-only"]:
        session.flags["field"] = "token"
        return print_field(session, secret)
    if flags["no-store"]:
        session.warn("The token is not stored. Pass it with each command, in STRONGROOM_TOKEN.\n")
    else:
        with doing("Error storing token", 2):
            token_helper(session.terminal.environ).store(token)
        _warn_shadowed(session)
    if flags["no-print"]:
        return 0
    if session.field:
        return print_field(session, secret)
    if session.format == "table" and not flags["no-store"]:
        session.print(
            "Success! You are logged in. The token below is stored already; later\ncommands use it.\n"
        )
    elif session.format == "table":
        session.print("Success! You are logged in.\n")
    return print_secret(session, secret)


def _warn_shadowed(session: Session) -> None:
    name = set_as(session.terminal.environ, "TOKEN")
    if name:
        session.warn(
            f"WARNING! {name} is set and wins over the token just stored. Unset it to use the new one.\n"
        )


def _token(session: Session, mount: str, config: dict[str, Any]) -> Any:
    del mount  # tokens are not mounted
    token = str(config.get("token", ""))
    if not token:
        refusal = "'token' not supplied and refusing to pull from stdin"
        token = session.ask_hidden("Token (will be hidden): ", refusal)
    client = session.client
    client.token = token
    if str(config.get("lookup", "true")).lower() in {"false", "0", "f"}:
        return {"auth": {"client_token": token}}
    with doing("Error authenticating: error looking up token"):
        answer = client.read("auth/token/lookup-self") or {}
    data = answer.get("data") or {}
    return {"auth": _as_auth(token, data), "warnings": answer.get("warnings")}


def _as_auth(token: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "client_token": token,
        "accessor": data.get("accessor", ""),
        "policies": sorted({*(data.get("policies") or []), *(data.get("identity_policies") or [])}),
        "token_policies": data.get("policies"),
        "identity_policies": data.get("identity_policies"),
        "metadata": data.get("meta"),
        "orphan": False,
        "entity_id": data.get("entity_id", ""),
        "lease_duration": data.get("ttl", 0),
        "renewable": data.get("renewable", False),
    }


def _password(session: Session, mount: str, config: dict[str, Any]) -> Any:
    """Name and password: userpass, ldap, radius, okta."""
    username = str(config.pop("username", ""))
    if not username:
        raise Failure("'username' must be specified")
    environ = session.terminal.environ
    password = str(config.pop("password", "")) or _password_of(environ, session.flags["method"])
    if not password:
        refusal = "'password' not supplied and refusing to pull from stdin"
        password = session.ask_hidden("Password (will be hidden): ", refusal)
    body = {"password": password, **config}
    return _post(session, f"auth/{mount}/login/{username}", body)


def _password_of(environ: Any, kind: str) -> str:
    return variable(environ, "LDAP_PASSWORD") if kind == "ldap" else ""


def _certificate(session: Session, mount: str, config: dict[str, Any]) -> Any:
    return _post(session, f"auth/{mount}/login", config)


def _kubernetes(session: Session, mount: str, config: dict[str, Any]) -> Any:
    if not config.get("role"):
        raise Failure("'role' must be supplied")
    return _post(session, f"auth/{mount}/login", {"jwt": _service_account(), **config})


def _service_account() -> str:
    try:
        with open(SERVICE_ACCOUNT_TOKEN, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is slow to import)
            return file.read().strip()
    except OSError as error:
        raise Failure(
            f"'jwt' not supplied and {SERVICE_ACCOUNT_TOKEN} cannot be read: {error.strerror}"
        ) from error


def _github(session: Session, mount: str, config: dict[str, Any]) -> Any:
    token = config.get("token") or session.terminal.environ.get("VAULT_AUTH_GITHUB_TOKEN")
    if not token:
        refusal = "'token' not supplied and refusing to pull from stdin"
        token = session.ask_hidden("GitHub Personal Access Token (will be hidden): ", refusal)
    return _post(session, f"auth/{mount}/login", {"token": token})


def _posted(session: Session, mount: str, config: dict[str, Any]) -> Any:
    """A method whose login takes what it is given: approle, jwt, gcp, app-id."""
    return _post(session, f"auth/{mount}/login", config)


def _oidc(session: Session, mount: str, config: dict[str, Any]) -> Any:
    del config
    raise Failure(
        f"it needs a browser. Log in on the server's web page, or ask auth/{mount}/oidc/auth_url for "
        f'the address to visit, and give the token that comes of it to "{session.name} login"'
    )


def _post(session: Session, path: str, body: dict[str, Any]) -> Any:
    """A login. It is made without a token: an old one, long expired, would spoil it."""
    client = session.client
    client.token = ""
    return client.write(path, body)


METHODS: dict[str, Method] = {
    "token": _token,
    "userpass": _password,
    "ldap": _password,
    "radius": _password,
    "okta": _password,
    "cert": _certificate,
    "kubernetes": _kubernetes,
    "oidc": _oidc,
    "github": _github,
    "approle": _posted,
    "jwt": _posted,
    "gcp": _posted,
    "aws": _posted,
    "app-id": _posted,
}
