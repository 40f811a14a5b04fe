"""What an earlier process has left, and where this one leaves its own."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from strongroom.agent.cache.book import Book
from strongroom.agent.cache.entry import Entry
from strongroom.agent.cache.key import TokenFile
from strongroom.agent.config import Persist
from strongroom.agent.exit import Exit
from strongroom.errors import StrongroomError

_log = logging.getLogger("cache")


@dataclass(slots=True)
class Inheritance:
    """``book`` is None where nothing outlives this process. ``token`` is the agent's own, with accessor."""

    entries: list[Entry] = field(default_factory=list)
    token: tuple[str, str] | None = None
    book: Book | None = None


def inherited(stanza: Persist) -> Inheritance:
    """Read what is there. Without ``keep_after_import`` the file has then served its purpose and is deleted.

    Raises Exit where the file cannot be used and the stanza says to end then.
    """
    try:
        book = Book.open(stanza.path, TokenFile(stanza.service_account_token_file))
        try:
            found = Inheritance(book.entries(), book.token(), book)
        except BaseException:
            book.close()
            raise
    except StrongroomError as error:
        if stanza.exit_on_err:
            raise Exit(1, error.public) from None
        _log.warning("going on without the persistent cache", extra={"fields": {"reason": error.public}})
        return Inheritance()
    if (found.entries or found.token) and not stanza.keep_after_import:
        book.remove()
        found.book = None
    return found
