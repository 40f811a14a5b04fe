"""The paths of authorizations and their challenges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.framework.field import field
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki.acme import records
from strongroom.secrets.pki.acme.endpoint import SOON, Caller, Signed, everywhere
from strongroom.secrets.pki.acme.problem import malformed
from strongroom.secrets.pki.acme.records import Authorization, Challenge

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki


async def _load(caller: Caller, name: str) -> Authorization:
    """An authorization of the account that asks. Raises Problem."""
    found = await records.authorizations(caller.request).get(f"{caller.known.id}/{name}")
    if found is None:
        raise malformed("authorization does not exist")
    return found


def _store(caller: Caller, authorization: Authorization) -> None:
    rows = records.authorizations(caller.request)
    rows.put(f"{authorization.account}/{authorization.id}", authorization)


def _challenge(caller: Caller, authorization: Authorization, challenge: Challenge) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": challenge.type,
        "url": caller.directory.url(f"challenge/{authorization.id}/{challenge.type}"),
        "status": challenge.status,
        "token": challenge.token,
    }
    if challenge.validated:
        document["validated"] = rfc3339(challenge.validated // SECOND * SECOND)
    if challenge.error:
        document["error"] = challenge.error
    return document


def _document(caller: Caller, authorization: Authorization) -> dict[str, Any]:
    one = authorization.identifier
    shown = authorization.challenges
    if authorization.status(caller.request.now) != records.PENDING:
        shown = [c for c in shown if c.status in (records.VALID, records.INVALID)] or shown
    return {
        "identifier": {"type": one.type, "value": one.value},
        "status": authorization.status(caller.request.now),
        "expires": rfc3339(authorization.expires // SECOND * SECOND),
        "challenges": [_challenge(caller, authorization, challenge) for challenge in shown],
        "wildcard": authorization.wildcard,
    }


class AuthorizationPath(Signed):
    """That an account holds a name or an address, and how it can show that."""

    pattern = "acme/authorization/{auth_id}"
    auth_id: str = field("ID of the authorization.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """The authorization, after it was given up, if the message says so."""
        return await self.serve(pki, request, self._authorization)

    async def _authorization(self, caller: Caller) -> Response:
        authorization = await _load(caller, self.auth_id)
        if not caller.message.fetches:
            if caller.message.content().get("status") != records.DEACTIVATED:
                raise malformed("the status of an authorization can be set to deactivated only")
            authorization.deactivated = True
            _store(caller, authorization)
        document = _document(caller, authorization)
        under_way = any(one.status == records.PROCESSING for one in authorization.challenges)
        return caller.answer(document, *([SOON] if under_way else []))


class ChallengePath(Signed):
    """A challenge: one way to show that a name or an address is held."""

    pattern = "acme/challenge/{auth_id}/{challenge_type}"
    auth_id: str = field("ID of the authorization.")
    challenge_type: str = field("Type of the challenge: http-01, dns-01 or tls-alpn-01.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Say, with an empty object, that all is in place. It is looked at while the client waits."""
        return await self.serve(pki, request, self._respond)

    async def _respond(self, caller: Caller) -> Response:
        authorization = await _load(caller, self.auth_id)
        challenge = authorization.challenge(self.challenge_type)
        if challenge is None:
            raise malformed("challenge does not exist")
        if not caller.message.fetches:
            caller.message.content()
            self._begin(caller, authorization, challenge)
        above = f'<{caller.directory.url(f"authorization/{authorization.id}")}>;rel="up"'
        later = [SOON] if challenge.status == records.PROCESSING else []
        document = _challenge(caller, authorization, challenge)
        return caller.answer(document, ("Link", above), *later)

    def _begin(self, caller: Caller, authorization: Authorization, challenge: Challenge) -> None:
        """Have the challenge looked at, unless it is or was already."""
        if authorization.status(caller.request.now) != records.PENDING or challenge.status != records.PENDING:
            return
        challenge.step("respond")
        caller.pki.validations.plan(caller.request, authorization, challenge)
        _store(caller, authorization)


PATHS = everywhere(AuthorizationPath, ChallengePath)
