"""Logs in, keeps the token alive, and logs in again when it cannot be kept.

While the server is away nothing is taken back: the token stays what it is until it truly ends, and every
attempt comes later than the one before, up to a limit, never at the same moment as that of others.
"""

from __future__ import annotations

import asyncio
import logging
import re
from time import monotonic

from strongroom.agent.auth.attempt import Attempt, Method
from strongroom.agent.auth.lifetime import NEVER, Lifetime
from strongroom.agent.config import AutoAuth
from strongroom.agent.config import Method as Stanza
from strongroom.agent.envelope import Auth, Envelope, seconds
from strongroom.agent.state import State
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Refused, Upstream, backoff, retry_after
from strongroom.errors import StrongroomError
from strongroom.secret import Secret

_log = logging.getLogger("agent.auth.handler")
_TOKEN = re.compile(r"[ -~]+")
LOOK = 0.5
"""Seconds between looks at the credential files."""


class LoginFailed(StrongroomError):
    """The login failed, and the configuration says to end then."""


class AuthHandler:
    """Runs the auto-auth stanza. ``wrapped`` holds the wrapping answer when the method asks for one."""

    def __init__(
        self, stanza: AutoAuth, method: Method, upstream: Upstream, holder: TokenHolder, state: State
    ) -> None:
        assert stanza.method is not None  # noqa: S101  the configuration was checked
        self._stanza: Stanza = stanza.method
        self._follows = stanza.enable_reauth_on_new_credentials
        self._method = method
        self._upstream = upstream
        self._holder = holder
        self._state = state
        self._doubt = asyncio.Event()
        self._used: object = None

    def doubt(self) -> None:
        """Somebody was refused: see whether the token is still good."""
        self._doubt.set()

    async def run(self) -> None:
        """For ever, or until a failure that ends the agent. Raises LoginFailed."""
        failures = 0
        try:
            while True:
                _log.info("authenticating")
                try:
                    life = await self._login()
                except StrongroomError as error:
                    await self._failed(error, failures)
                    failures += 1
                    continue
                failures = 0
                self._state.auth.succeeded(life.ttl)
                await self._keep(life)
        finally:
            await self._method.close()

    async def _failed(self, error: StrongroomError, failures: int) -> None:
        stanza = self._stanza
        self._state.auth.failed(error.public)
        if stanza.exit_on_err or 0 < stanza.attempts <= failures + 1:
            raise LoginFailed(f"the login failed: {error.public}") from None
        wait = max(backoff(failures, stanza.min_backoff, stanza.max_backoff), retry_after(error))
        _log.error(
            "error authenticating", extra={"fields": {"error": error.public, "backoff": f"{wait:.2f}s"}}
        )
        await self._change(wait)

    async def _login(self) -> Lifetime:
        attempt = await self._method.attempt(self._upstream)
        self._used = self._method.stamp()
        if attempt.token is not None:
            return await self._existing(attempt.token)
        answer = await self._post(attempt)
        if self._stanza.wrap_ttl:
            return self._take_wrapped(answer)
        auth = answer.auth or Auth()
        return self._take(auth, Secret(auth.client_token))

    async def _post(self, attempt: Attempt) -> Envelope:
        wrap = f"{self._stanza.wrap_ttl:g}s" if self._stanza.wrap_ttl else ""
        return await (attempt.upstream or self._upstream).call(
            "PUT",
            attempt.path,
            body=dict(attempt.body),
            wrap_ttl=wrap,
            namespace=self._stanza.namespace or None,
            doing=f"logging in at {attempt.path}",
        )

    async def _existing(self, token: Secret[str]) -> Lifetime:
        if not self._stanza.renews:
            return self._take(Auth(), token)
        answer = await self._upstream.call(
            "GET", "auth/token/lookup-self", token=token, doing="looking the token up"
        )
        data = answer.data or {}
        # The last second is told as 0.
        ttl = seconds(data.get("ttl")) or (0.5 if data.get("expire_time") else 0.0)
        renewable = data.get("renewable") is True
        return self._take(Auth("", answer.text("accessor"), ttl, renewable), token)

    def _take(self, auth: Auth, token: Secret[str]) -> Lifetime:
        if not token:
            raise StrongroomError("the login was answered without a token")
        if not _TOKEN.fullmatch(token.reveal()):
            raise StrongroomError("the token holds characters that no token has")
        ttl = auth.lease_duration
        _log.info("authentication successful, sending token to sinks")
        self._holder.set(token, auth.accessor)
        return Lifetime(monotonic(), ttl, auth.renewable, ttl)

    def _take_wrapped(self, answer: Envelope) -> Lifetime:
        info = answer.wrap_info
        if info is None or not info.token:
            raise StrongroomError("the login was answered without a wrapped token")
        self._holder.wrapped = info
        self._holder.set(Secret(info.token), info.wrapped_accessor)
        return Lifetime(monotonic(), 0, False, 0)

    # -- keeping it ---------------------------------------------------------------------------

    async def _keep(self, life: Lifetime) -> None:
        """Return when it is time to log in again."""
        while True:
            what, when = life.plan()
            if self._stanza.wrap_ttl:
                what, when = "wait", NEVER
            news = await self._change(when - monotonic())
            if news == "credentials":
                _log.info("new credentials, authenticating again")
                return
            if news == "doubt":
                if not await self._is_good():
                    _log.warning("the token is no longer accepted, authenticating again")
                    return
                continue
            if what == "login":
                return
            renewed = await self._renewed(life)
            if renewed is None:
                return
            life = renewed

    async def _renewed(self, life: Lifetime) -> Lifetime | None:
        """The life after a renewal, tried until the token ends; None when it is past saving."""
        failures = 0
        while True:
            try:
                auth = await self._renewal()
            except StrongroomError as error:
                self._state.auth.failed(error.public)
                _log.warning("error renewing the token", extra={"fields": {"error": error.public}})
                if isinstance(error, Refused) and error.code in {400, 403} and not await self._is_good():
                    return None
                wait = max(
                    backoff(failures, self._stanza.min_backoff, self._stanza.max_backoff), retry_after(error)
                )
                failures += 1
                if monotonic() + wait >= life.ends:
                    return None
                await asyncio.sleep(wait)
                continue
            self._state.auth.renewed(auth.lease_duration)
            _log.info("renewed auth token", extra={"fields": {"ttl": f"{auth.lease_duration:g}s"}})
            return life.renewed(monotonic(), auth.lease_duration, renewable=auth.renewable)

    async def _renewal(self) -> Auth:
        answer = await self._upstream.call(
            "PUT", "auth/token/renew-self", token=self._holder.token, body={}, doing="renewing the token"
        )
        if answer.auth is None:
            raise StrongroomError("the renewal was answered without a token")
        return answer.auth

    async def _is_good(self) -> bool:
        """Whether the server still knows the token; yes when it cannot be asked."""
        try:
            await self._upstream.call("GET", "auth/token/lookup-self", token=self._holder.token)
        except Refused as error:
            return error.code != 403
        except StrongroomError:
            return True
        return True

    async def _change(self, seconds: float) -> str:
        """Wait, but no longer than until credentials change or somebody doubts the token."""
        self._doubt.clear()
        ends = monotonic() + seconds
        while (left := ends - monotonic()) > 0:
            try:
                async with asyncio.timeout(min(left, LOOK) if self._watched() else min(left, 3_600.0)):
                    await self._doubt.wait()
            except TimeoutError:
                if self._watched() and self._method.stamp() != self._used and self._is_news():
                    return "credentials"
                continue
            return "doubt"
        return ""

    def _watched(self) -> bool:
        """Credential files are looked at where that is wanted, and while there is no token."""
        return self._follows or self._holder.token is None

    def _is_news(self) -> bool:
        """A file that went away is none; remember it, so that its coming again is."""
        stamp = self._method.stamp()
        gone = (
            isinstance(stamp, tuple)
            and isinstance(self._used, tuple)
            and all(now is None or now == before for now, before in zip(stamp, self._used, strict=True))
        )
        if gone:
            self._used = stamp
        return not gone
