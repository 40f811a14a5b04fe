"""How to reach a server: read from the environment, then overridden by flags."""

from __future__ import annotations

from strongroom.client.environment import variable
from strongroom.client.error import ClientError

TYPE_CHECKING = False  # see environment.py
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ADDRESS = "https://127.0.0.1:8200"
TIMEOUT = 60.0  # seconds
RETRIES = 2
TRUE = frozenset({"1", "t", "true"})


class Tls:
    """Trust and identity. The ``*_bytes`` are PEM text, and win over the files."""

    __slots__ = (
        "ca_bytes", "ca_cert", "ca_path", "client_cert", "client_cert_bytes",
        "client_key", "client_key_bytes", "server_name", "skip_verify",
    )  # fmt: skip

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.ca_cert = variable(environ, "CACERT")
        self.ca_path = variable(environ, "CAPATH")
        self.ca_bytes = variable(environ, "CACERT_BYTES")
        self.client_cert = variable(environ, "CLIENT_CERT")
        self.client_key = variable(environ, "CLIENT_KEY")
        self.client_cert_bytes = variable(environ, "CLIENT_CERT_BYTES")
        self.client_key_bytes = variable(environ, "CLIENT_KEY_BYTES")
        self.server_name = variable(environ, "TLS_SERVER_NAME")
        self.skip_verify = variable(environ, "SKIP_VERIFY").lower() in TRUE


class Settings:
    """Everything a Client needs to know. ``timeout`` is seconds for one attempt."""

    __slots__ = (
        "address", "environ", "follow_redirects", "headers", "mfa", "namespace",
        "policy_override", "proxy", "retries", "timeout", "tls", "token", "wrap_ttl",
    )  # fmt: skip

    def __init__(self, environ: Mapping[str, str], *, retries: int = RETRIES) -> None:
        self.environ = environ
        self.address = variable(environ, "AGENT_ADDR") or variable(environ, "ADDR") or DEFAULT_ADDRESS
        self.token = variable(environ, "TOKEN")
        self.namespace = variable(environ, "NAMESPACE")
        self.follow_redirects = variable(environ, "DISABLE_REDIRECTS").lower() not in TRUE
        self.headers: dict[str, str] = {}
        self.mfa = list(filter(None, [variable(environ, "MFA")]))
        self.policy_override = False
        self.proxy = variable(environ, "PROXY_ADDR") or variable(environ, "HTTP_PROXY")
        self.retries = int(_number(environ, "MAX_RETRIES", retries))
        self.timeout = _seconds(environ, "CLIENT_TIMEOUT", TIMEOUT)
        self.tls = Tls(environ)
        self.wrap_ttl = variable(environ, "WRAP_TTL")


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = variable(environ, name)
    try:
        return float(text) if text else default
    except ValueError:
        raise ClientError(f"{name} is not a number") from None


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = variable(environ, name)
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if text.endswith(unit):
            return _number({f"STRONGROOM_{name}": text.removesuffix(unit)}, name, default) * factor
    return _number(environ, name, default)
