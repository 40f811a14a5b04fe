"""What of a request goes on to the server, and what of its answer comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from strongroom import __version__
from strongroom.agent.cache.question import Question
from strongroom.agent.wire import Answer
from strongroom.errors import BadRequest
from strongroom.wire import Message, Reply

_OF_CONNECTIONS = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_NOT_ON = _OF_CONNECTIONS | {"accept-encoding", "content-length", "expect", "host", "x-vault-token"}
"""``accept-encoding`` goes no further, so that answers can be read here."""
_NOT_BACK = _OF_CONNECTIONS | {"content-length", "date"}
_BEARER = "bearer "
_LARGE = 8 * 1024 * 1024


def token_of(headers: Mapping[str, str]) -> str:
    """The token that a client sent itself: in X-Vault-Token, or as a bearer of Authorization."""
    if token := headers.get("x-vault-token", ""):
        return token
    authorization = headers.get("authorization", "")
    return authorization[len(_BEARER) :].strip() if authorization.lower().startswith(_BEARER) else ""


def question_of(message: Message, token: str, *, agent: str, namespace: str = "") -> Question:
    """A request as it goes on, with ``token`` and no other.

    ``agent`` is put before the client's User-Agent, ``namespace`` before its namespace. Raises BadRequest.
    """
    named = {each.strip().lower() for each in message.headers.get("connection", "").split(",")}
    headers = {
        name: value for name, value in message.headers.items() if name not in _NOT_ON and name not in named
    }
    if headers.get("authorization", "").lower().startswith(_BEARER):
        del headers["authorization"]  # its token stands in ``token``, or another takes its place
    theirs = headers.get("user-agent", "")
    headers["user-agent"] = f"{agent}/{__version__}" + (f"; {theirs}" if theirs else "")
    if namespace:
        headers["x-vault-namespace"] = (
            f"{namespace}/{headers.get('x-vault-namespace', '').strip('/')}".rstrip("/")
        )
    if not message.target.startswith("/") or "#" in message.target:
        raise BadRequest("malformed request target")
    return Question(message.method, message.target, headers, message.body, token)


def sent_headers(question: Question) -> list[tuple[str, str]]:
    """The headers of a question for the wire."""
    token = [("X-Vault-Token", question.token)] if question.token else []
    return [*question.headers.items(), *token]


def streams(answer: Answer) -> bool:
    """Whether an answer is passed on as it comes: what is no JSON, or a lot of it, has no lease to read."""
    length = answer.header("content-length")
    if not answer.header("content-type").startswith("application/json"):
        return length != "0" and answer.status not in {204, 304}
    return length.isdecimal() and int(length) > _LARGE


def reply_of(answer: Answer, age: int | None) -> Reply:
    """An answer for the client; ``age`` is that of one from the cache."""
    headers = [pair for pair in answer.headers if pair[0] not in _NOT_BACK]
    if answer.status < 400:
        headers = [(name, value) for name, value in headers if name not in {"x-cache", "age"}]
        headers += [("X-Cache", "MISS")] if age is None else [("X-Cache", "HIT"), ("Age", str(age))]
    return Reply(answer.status, _titled(headers), answer.stream if answer.stream is not None else answer.body)


def _titled(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("-".join(word.capitalize() for word in name.split("-")), value) for name, value in headers]


def without_own_token(answer: Answer, own: str) -> Answer:
    """An answer that shows nobody the agent's own token: clients use it, and need not have it.

    Whatever the path: what looks a token up may have been wrapped, and come out by unwrapping.
    """
    if not own or answer.status != 200 or own.encode() not in answer.body:
        return answer
    try:
        whole = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return answer
    if not isinstance(whole, dict):
        return answer
    data, auth = whole.get("data"), whole.get("auth")
    if isinstance(data, dict) and data.get("id") == own:
        data.pop("id")
        data.pop("accessor", None)
    if isinstance(auth, dict) and auth.get("client_token") == own:
        auth["client_token"] = auth["accessor"] = ""
    return Answer(answer.status, answer.headers, msgspec.json.encode(whole))
