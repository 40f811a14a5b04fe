"""The persistent cache: a file that opens with the service account's token only."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from strongroom.agent.cache.book import NAME, Book, BookUnusable
from strongroom.agent.cache.cache import Cache
from strongroom.agent.cache.entry import Entry, Kind
from strongroom.agent.cache.identity import fingerprint
from strongroom.agent.cache.inheritance import inherited
from strongroom.agent.cache.key import KeyUnusable, TokenFile
from strongroom.agent.cache.question import Question
from strongroom.agent.config import Persist
from strongroom.agent.exit import Exit
from strongroom.agent.upstream import Answer, Unreachable
from tests.canary import forms

NOW = 1_000_000.0
SECRET = "canary-of-the-book-0123456789"


def entry(id_: str = "id", **values: Any) -> Entry:
    fields: dict[str, Any] = {
        "id": id_, "kind": Kind.LEASE, "method": "GET", "path": "/v1/db/creds/r", "namespace": "",
        "status": 200, "headers": [("content-type", "application/json")], "body": SECRET.encode(),
        "token": SECRET, "owner": fingerprint("own"), "made": "", "accessor": "",
        "lease_id": "db/creds/r/1", "duration": 100,
        "renewable": True, "granted": NOW, "renewed": NOW,
    }  # fmt: skip
    return Entry(**{**fields, **values})


@pytest.fixture
def account(tmp_path: Path) -> Path:
    file = tmp_path / "account"
    file.write_text("token of the service account\n")
    return file


def opened(folder: Path, account: Path) -> Book:
    return Book.open(str(folder), TokenFile(str(account)))


def test_what_is_written_is_there_for_the_next(tmp_path: Path, account: Path) -> None:
    book = opened(tmp_path / "new" / "folder", account)
    book.write(entry("a"))
    book.write(entry("b"))
    book.write(entry("a", duration=7))
    book.erase([entry("b"), entry("c")])
    book.write_token("one", "acc1")
    book.write_token("two", "acc2")
    book.close()
    again = opened(tmp_path / "new" / "folder", account)
    assert again.entries() == [entry("a", duration=7)]
    assert again.token() == ("two", "acc2")
    again.close()


def test_nothing_stands_in_the_file_in_clear(tmp_path: Path, account: Path) -> None:
    book = opened(tmp_path, account)
    book.write(entry("a"))
    book.write_token(SECRET, "accessor-of-the-token")
    content = b"".join(file.read_bytes() for file in tmp_path.glob(f"{NAME}*"))
    for hidden in (SECRET, "db/creds/r", "accessor-of-the-token", "token of the service account"):
        assert not any(form in content for form in forms(hidden)), hidden
    assert b"/v1/" not in content
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    book.close()


def test_it_opens_with_the_same_token_only(tmp_path: Path, account: Path) -> None:
    opened(tmp_path, account).close()
    account.write_text("another")
    with pytest.raises(KeyUnusable):
        opened(tmp_path, account)
    account.write_text("")
    with pytest.raises(KeyUnusable, match="empty"):
        opened(tmp_path, account)
    account.unlink()
    with pytest.raises(KeyUnusable, match="cannot be read"):
        opened(tmp_path, account)


def test_a_token_that_is_rotated_while_it_runs_opens_it_from_then_on(tmp_path: Path, account: Path) -> None:
    book = opened(tmp_path, account)
    book.write(entry("a"))
    account.write_text("")
    book.write(entry("c"))
    account.write_text("the next token of the service account")
    book.write(entry("b"))
    book.close()
    again = opened(tmp_path, account)
    assert {each.id for each in again.entries()} == {"a", "b", "c"}
    again.close()


def test_changed_rows_are_noticed(tmp_path: Path, account: Path) -> None:
    book = opened(tmp_path, account)
    book.write(entry("a"))
    book.write(entry("b"))
    book.close()
    with sqlite3.connect(tmp_path / NAME) as db:
        names = [row[0] for row in db.execute("SELECT name FROM rows")]
        db.execute(
            "UPDATE rows SET value = (SELECT value FROM rows WHERE name = ?) WHERE name = ?",
            (names[0], names[1]),
        )
    db.close()
    again = opened(tmp_path, account)
    with pytest.raises(BookUnusable):
        again.entries()
    again.close()


@pytest.mark.parametrize("content", (b"no database" * 100, b"SQLite format 3\0" + bytes(84)))
def test_a_file_of_another_kind_is_refused(tmp_path: Path, account: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(BookUnusable):
        opened(tmp_path, account)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, account: Path) -> None:
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BookUnusable):
        opened(tmp_path, account)


def stanza(tmp_path: Path, account: Path, **values: Any) -> Persist:
    return Persist(label="kubernetes", path=str(tmp_path), service_account_token_file=str(account), **values)


def test_after_the_import_the_file_is_deleted_unless_it_is_to_be_kept(tmp_path: Path, account: Path) -> None:
    first = inherited(stanza(tmp_path, account))
    assert first.book is not None
    first.book.write(entry("a"))
    first.book.close()
    kept = inherited(stanza(tmp_path, account, keep_after_import=True))
    assert [each.id for each in kept.entries] == ["a"]
    assert kept.book is not None
    kept.book.close()
    last = inherited(stanza(tmp_path, account))
    assert [each.id for each in last.entries] == ["a"]
    assert last.book is None
    assert not list(tmp_path.glob(f"{NAME}*"))


def test_what_cannot_be_opened_ends_the_agent_only_where_that_is_wanted(
    tmp_path: Path, account: Path
) -> None:
    opened(tmp_path, account).close()
    account.write_text("another")
    with pytest.raises(Exit):
        inherited(stanza(tmp_path, account))
    assert inherited(stanza(tmp_path, account, exit_on_err=False)).book is None


def test_what_has_ended_meanwhile_is_left_behind() -> None:
    async def nobody(_: Question) -> Answer:
        raise Unreachable("away")

    cache = Cache(nobody, nobody, clock=lambda: NOW + 50)
    cache.adopt("own")
    entries = [
        entry("alive"),
        entry("over", duration=40),
        entry("nobodys", owner=fingerprint("unknown")),
        entry("token", kind=Kind.TOKEN, made=fingerprint("made"), owner="", lease_id=""),
        entry("below", owner=fingerprint("made")),
        entry("dead", kind=Kind.TOKEN, made=fingerprint("dead"), owner="", lease_id="", duration=40),
        entry("deads", owner=fingerprint("dead")),
    ]
    assert cache.restore(entries, lambda: 1.0) == 3
    assert sorted(each.id for each in cache.entries) == ["alive", "below", "token"]


def test_a_replaced_account_is_followed_though_nothing_changes(tmp_path: Path, account: Path) -> None:
    """Leases may be long: the file has to open with the account's token of now at any time."""
    book = opened(tmp_path, account)
    book.write(entry("a"))
    account.write_text("its next token")
    book.tend()
    book.close()
    again = opened(tmp_path, account)
    assert [each.id for each in again.entries()] == ["a"]
    again.close()
