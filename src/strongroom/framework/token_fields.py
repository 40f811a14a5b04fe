"""What every auth method's roles and users say of the tokens that a login makes.

A path that declares a role inherits :class:`TokenFields`; its record holds a :class:`TokenParameters`.
Source: the parameters named ``token_*`` of the auth methods in Vault's HTTP API.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from dataclasses import field as item
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from strongroom.errors import BadRequest, PermissionDenied
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.logical import Auth, Request

_TYPES = frozenset({"default", "service", "batch"})
_ROOTED = "auth methods cannot create root tokens"


@dataclass(slots=True)
class TokenParameters:
    """The bounds of the tokens that a role's logins make. Durations are seconds."""

    token_bound_cidrs: list[str] = item(default_factory=list)
    token_explicit_max_ttl: int = 0
    token_max_ttl: int = 0
    token_no_default_policy: bool = False
    token_num_uses: int = 0
    token_period: int = 0
    token_policies: list[str] = item(default_factory=list)
    token_strictly_bind_ip: bool = False
    token_ttl: int = 0
    token_type: str = "default"

    def described(self) -> dict[str, Any]:
        """The parameters as an answer shows them."""
        return asdict(self)

    def check(self) -> None:
        """Raise BadRequest for what no token can be. Networks are put into one spelling."""
        if self.token_max_ttl and self.token_ttl > self.token_max_ttl:
            raise BadRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
        self.token_type = self.token_type or "default"
        if self.token_type not in _TYPES:
            raise BadRequest("invalid 'token_type' value")
        if self.token_type == "batch":
            self._check_batch()
        if self.token_num_uses < 0:
            raise BadRequest("'token_num_uses' cannot be negative")
        if self.token_strictly_bind_ip and self.token_bound_cidrs:
            raise BadRequest("'token_strictly_bind_ip' conflicts with 'token_bound_cidrs'; set only one")
        if "root" in {name.strip().lower() for name in self.token_policies}:
            raise BadRequest(_ROOTED)
        self.token_bound_cidrs = spelled(self.token_bound_cidrs)

    def _check_batch(self) -> None:
        """A batch token is not stored, so it has nothing that would have to be counted."""
        for given, tokens in (
            (self.token_period, "periodic tokens"),
            (self.token_num_uses, "tokens with limited use count"),
        ):
            if given:
                raise BadRequest(
                    f"'token_type' cannot be 'batch' or 'default_batch' when set to generate {tokens}"
                )

    def auth(self, request: Request, *, alias: str = "") -> Auth:
        """The login of somebody under these bounds. Raises PermissionDenied from outside the networks.

        ``alias`` is the name by which identity knows who logged in.
        """
        refuse_outside(request, self.token_bound_cidrs)
        cidrs = list(self.token_bound_cidrs)
        if self.token_strictly_bind_ip and request.remote_address:
            cidrs = [request.remote_address]
        return Auth(
            policies=list(self.token_policies),
            ttl=self.token_ttl,
            max_ttl=self.token_max_ttl,
            explicit_max_ttl=self.token_explicit_max_ttl,
            period=self.token_period,
            renewable=True,
            num_uses=self.token_num_uses,
            bound_cidrs=cidrs,
            no_default_policy=self.token_no_default_policy,
            token_type=self.token_type or "default",
            alias_name=alias,
        )

    def terms(self) -> Auth:
        """What counts when such a token is renewed."""
        return Auth(ttl=self.token_ttl, max_ttl=self.token_max_ttl, period=self.token_period)


class TokenFields(Path):
    """The parameters of a role that are about its tokens."""

    token_bound_cidrs: CommaList = field("Networks from which a login succeeds and its token can be used.")
    token_explicit_max_ttl: Duration = field("The token cannot outlive this, whatever is renewed.")
    token_max_ttl: Duration = field("The token cannot be renewed beyond this.")
    token_no_default_policy: bool = field("Leave the default policy out.")
    token_num_uses: int = field("How often the token can be used; 0 is without limit.")
    token_period: Duration = field("Make periodic tokens: each renewal gives this much time.")
    token_policies: CommaList = field("Policies of the token.")
    token_strictly_bind_ip: bool = field("Bind the token to the address that the login came from.")
    token_ttl: Duration = field("First time to live.")
    token_type: str = field("service, batch, or default for what the mount makes.", default="default")

    def tell(self, tokens: TokenParameters) -> None:
        """Take over what the request says of tokens. Raises BadRequest for what cannot be."""
        for name in TokenParameters.__dataclass_fields__:
            if name in self.given:
                setattr(tokens, name, getattr(self, name))
        tokens.token_type = tokens.token_type or "default"
        tokens.check()


_OLDER = ("policies", "ttl", "max_ttl", "period", "bound_cidrs")
"""Names from before the prefix ``token_``; a path declares those it has."""


class OlderTokenFields(TokenFields):
    """The same under the names they had first. What was set by such a name is shown under both."""

    policies: CommaList = field("Older name of token_policies.", deprecated=True)
    ttl: Duration = field("Older name of token_ttl.", deprecated=True)
    max_ttl: Duration = field("Older name of token_max_ttl.", deprecated=True)
    bound_cidrs: CommaList = field("Older name of token_bound_cidrs.", deprecated=True)

    def tell_older(self, tokens: TokenParameters, older: list[str]) -> list[str]:
        """As :meth:`tell`; gives which of the older names show something from now on, ``older`` until now.

        Where both names are given, the newer counts.
        """
        shown = set(older)
        for name in _OLDER:
            newer = f"token_{name}"
            if newer in self.given and name not in self.given:
                shown.discard(name)
            elif name in self.given:
                shown.add(name)
                if newer not in self.given:
                    value = getattr(self, name)
                    setattr(tokens, newer, cleaned(value) if name == "policies" else value)
        self.tell(tokens)
        return sorted(shown)


def described_older(tokens: TokenParameters, older: list[str]) -> dict[str, Any]:
    """The parameters as an answer shows them, with the older names that carry something."""
    values = {name: getattr(tokens, f"token_{name}") for name in older}
    return {name: value for name, value in values.items() if value} | tokens.described()


def cleaned(policies: list[str]) -> list[str]:
    """Policy names in lower case, once each, sorted."""
    return sorted({name.strip().lower() for name in policies} - {""})


def check_cidrs(networks: list[str]) -> None:
    """Raise BadRequest unless each of these is a network or an address."""
    spelled(networks)


def spelled(networks: list[str]) -> list[str]:
    """The same networks in one spelling: an address has no mask. Raises BadRequest for what is neither."""
    return [_spelled(network) for network in networks]


def _spelled(network: str) -> str:
    try:
        # The zone of an address means something on one machine only.
        ip = None if "%" in network else ip_interface(network)
    except ValueError:
        ip = None
    if ip is None:
        raise BadRequest("a bound network is neither an address nor a network in CIDR form")
    if ip.network.prefixlen < ip.max_prefixlen:
        return str(ip)
    return str(getattr(ip, "ipv4_mapped", None) or ip.ip)


def refuse_outside(request: Request, networks: list[str]) -> None:
    """Raise PermissionDenied when the request comes from none of the networks; none at all bind nothing."""
    if networks and not within(request.remote_address, networks):
        raise PermissionDenied


def within(address: str, networks: list[str]) -> bool:
    """Whether an address lies in one of the networks."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in ip_network(network, strict=False) for network in networks)
