"""The way of templates where the agent has a cache.

A lease then outlives the agent: what an earlier process was given is used on, and what an application had
through a listener is the template's too. The cache renews what it keeps, so that nothing is renewed twice.
"""

from __future__ import annotations

from strongroom.agent.cache.cache import Cache
from strongroom.agent.cache.question import Question
from strongroom.agent.proxy.passing import sent_headers
from strongroom.agent.render.way import Extension, Request, Straight
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Answer, Upstream
from strongroom.secret import Secret


class ThroughCache:
    """To the server where the cache has nothing."""

    def __init__(self, upstream: Upstream, holder: TokenHolder, cache: Cache) -> None:
        self._upstream = upstream
        self._holder = holder
        self._cache = cache
        self._straight = Straight(upstream, holder)

    async def ask(self, request: Request, token: Secret[str]) -> tuple[Answer, int | None]:
        """See ``Way``."""
        if token == self._holder.token:
            self._cache.adopt(token.reveal(), self._holder.accessor)
        target, headers, content = self._upstream.composed(
            request.path, body=request.body, query=request.query
        )
        named = {name.lower(): value for name, value in headers.items()}
        question = Question(request.method, target, named, content, token.reveal())
        return await self._cache.obtain(question, self._carry, fresh=request.fresh)

    async def renew(self, lease_id: str) -> Extension:
        """See ``Way``."""
        if (kept := self._cache.renewed_lately(lease_id)) is not None:
            return Extension(*kept)
        found = await self._straight.renew(lease_id)
        self._cache.was_renewed(lease_id, int(found.duration), renewable=found.renewable)
        return found

    async def _carry(self, question: Question) -> Answer:
        return await self._upstream.followed(
            question.method, question.target, sent_headers(question), question.body
        )
