from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import log
from strongroom.errors import BadRequest
from strongroom.log import Formatter, Logs, RotatingFile, Rotation
from strongroom.secret import Secret

CREATED = 1_795_378_685.342


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """A logger of our own that plays the root, so that pytest's handlers stay out of it."""
    found = logging.getLogger("plant")
    found.propagate = False
    yield found
    for handler in list(found.handlers):
        found.removeHandler(handler)
    found.propagate = True


def record(
    message: str, level: int = logging.INFO, name: str = "core", **fields: object
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, message, (), None)
    made.created, made.msecs = CREATED, 342.0
    made.fields = fields
    return made


@pytest.mark.parametrize(
    ("made", "line"),
    (
        (record("sealed"), "2026-11-22T20:18:05.342Z [INFO]  core: sealed"),
        (record("x", logging.WARNING, "root"), "2026-11-22T20:18:05.342Z [WARN]  x"),
        (record("x", log.TRACE), "2026-11-22T20:18:05.342Z [TRACE] core: x"),
        (record("x", logging.ERROR), "2026-11-22T20:18:05.342Z [ERROR] core: x"),
        (
            record("ready", shares=1, path="kv/", proxy="", note='two "words"', on=True),
            (
                "2026-11-22T20:18:05.342Z [INFO]  core: ready: "
                r"""shares=1 path=kv/ proxy="" note="two \"words\"" on=true"""
            ),
        ),
        (record("one\ntwo"), "2026-11-22T20:18:05.342Z [INFO]  core: one\\x0atwo"),
    ),
)
def test_standard_lines(made: logging.LogRecord, line: str) -> None:
    assert Formatter("standard").format(made) == line


def test_json_lines() -> None:
    assert orjson.loads(Formatter("json").format(record("ready", logging.WARNING, shares=1))) == {
        "@level": "warn",
        "@message": "ready",
        "@module": "core",
        "@timestamp": "2026-11-22T20:18:05.342Z",
        "shares": 1,
    }
    assert "@module" not in orjson.loads(Formatter("json").format(record("x", name="root")))


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_record_is_one_line(message: str, value: str) -> None:
    made = record("%s", k=value.encode("utf-8", "replace").decode())
    made.args = (message.encode("utf-8", "replace").decode(),)
    assert len(Formatter("standard").format(made).splitlines()) == 1
    assert len(Formatter("json").format(made).split("\n")) == 1


def failed(error: Exception, secret: str) -> logging.LogRecord:
    """A record of an exception whose frames and message know the secret."""
    made = record("request failed", logging.ERROR, request_id="r-1")
    try:
        held = secret
        raise error  # noqa: TRY301 - a frame with a local variable is the point
    except Exception as caught:  # noqa: BLE001 - any
        made.exc_info = (type(caught), caught, caught.__traceback__)
        assert held == secret
    return made


@pytest.mark.parametrize("form", ("standard", "json"))
def test_an_unknown_exception_tells_its_type_and_places_only(form: log.Format) -> None:
    line = Formatter(form).format(failed(KeyError("hunter2"), "hunter2"))
    assert "hunter2" not in line
    assert "KeyError" in line
    assert "tests/test_log.py:" in line
    assert "r-1" in line


def test_the_cause_of_an_exception_is_named_not_quoted() -> None:
    error = RuntimeError("hunter2")
    error.__cause__ = ValueError("hunter2")
    line = Formatter("json").format(failed(error, ""))
    assert "hunter2" not in line
    assert orjson.loads(line)["after"] == "ValueError"


def test_our_own_errors_tell_their_cause() -> None:
    line = orjson.loads(Formatter("json").format(failed(BadRequest("no", cause="disk full"), "")))
    assert (line["error"], line["cause"]) == ("no", "disk full")


def test_asyncio_does_not_quote_arguments() -> None:
    made = record("Exception in callback f('hunter2')\nhandle: <f('hunter2')>", logging.ERROR, "asyncio")
    assert "hunter2" not in Formatter("standard").format(made)


def test_secrets_hide_themselves() -> None:
    assert "hunter2" not in Formatter("json").format(record("x", key=Secret("hunter2")))
    assert "hunter2" not in Formatter("standard").format(record("x", key=Secret("hunter2")))


def test_levels_by_name(root: logging.Logger) -> None:
    logs, stream = Logs("info", root=root), io.StringIO()
    logs.to_stream(stream)
    child, other = logging.getLogger("plant.core.seal"), logging.getLogger("plant.audit")
    child.debug("1")
    logs.set_level("DEBUG", "plant.core.seal")
    child.debug("2")
    other.debug("3")
    assert (logs.level("plant.core.seal"), logs.level("plant.audit")) == ("debug", "info")
    logs.reset_level("plant.core.seal")
    child.debug("4")
    logs.set_level("error")
    child.info("5")
    logs.reset_level()
    other.info("6")
    logs.close()
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["2", "6"]


def test_a_child_follows_its_parent(root: logging.Logger) -> None:
    logs = Logs(root=root)
    logging.getLogger("plant.a.b")
    logging.getLogger("plant.a")
    logs.set_level("trace", "plant.a")
    assert logs.levels()["plant.a.b"] == "trace"
    logs.close()


@pytest.mark.parametrize(
    ("level", "name", "sentence"),
    (
        ("bogus", "plant", "invalid level provided: unknown log level: bogus"),
        ("", "plant", "level is required"),
        ("debug", "zzz-none", 'logger "zzz-none" not found'),
    ),
)
def test_refusals_are_the_peers(root: logging.Logger, level: str, name: str, sentence: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Logs(root=root).set_level(level, name)
    assert caught.value.public == sentence


def test_subscribers_get_their_own_level(root: logging.Logger) -> None:
    logs, stream, woken = Logs("error", root=root), io.StringIO(), list[int]()
    logs.to_stream(stream)
    with logs.subscribe("debug", "json", notify=lambda: woken.append(1)) as reader:
        root.debug("seen")
        root.log(log.TRACE, "not seen")
        assert [orjson.loads(line)["@message"] for line in reader.take()] == ["seen"]
        assert reader.take() == []
        assert woken == [1]
    root.debug("gone")
    assert reader.take() == []
    assert stream.getvalue() == ""
    assert not root.isEnabledFor(logging.DEBUG)


def test_a_slow_subscriber_loses_the_oldest(root: logging.Logger) -> None:
    with Logs(root=root).subscribe(size=3) as reader:
        for number in range(10):
            root.info("%d", number)
        assert [line[-1] for line in reader.take()] == ["7", "8", "9"]
        assert reader.dropped == 7


@pytest.mark.parametrize(
    ("level", "form", "sentence"),
    (("bogus", "json", "unknown log level"), ("info", "xml", "unknown log format")),
)
def test_subscriptions_that_cannot_be(root: logging.Logger, level: str, form: str, sentence: str) -> None:
    before = list(root.handlers)
    with pytest.raises(BadRequest) as caught:
        Logs(root=root).subscribe(level, form)
    assert caught.value.public == sentence
    assert root.handlers == before


def rotating(path: Path, rotation: Rotation, clock: list[float]) -> RotatingFile:
    handler = RotatingFile(path, rotation, lambda: clock[0])
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def test_rotation_by_size_keeps_some(tmp_path: Path) -> None:
    handler = rotating(tmp_path / "s.log", Rotation(max_bytes=10, max_files=2), [1000.0])
    for number in range(6):
        handler.emit(record(f"line-{number}"))
    handler.close()
    assert (tmp_path / "s.log").read_text() == "line-5\n"
    kept = sorted(path.read_text() for path in tmp_path.glob("s-*.log"))
    assert kept == ["line-3\n", "line-4\n"]


def test_rotation_by_age(tmp_path: Path) -> None:
    clock = [1000.0]
    handler = rotating(tmp_path / "s.log", Rotation(max_age=60), clock)
    handler.emit(record("a"))
    clock[0] += 59
    handler.emit(record("b"))
    clock[0] += 1
    handler.emit(record("c"))
    handler.close()
    assert (tmp_path / "s.log").read_text() == "c\n"
    assert [path.read_text() for path in tmp_path.glob("s-*.log")] == ["a\nb\n"]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s-notes.log").write_text("mine")
    handler = rotating(tmp_path / "s.log", Rotation(max_bytes=1, max_files=1), [1000.0])
    for number in range(5):
        handler.emit(record(str(number)))
    handler.close()
    assert (tmp_path / "s-notes.log").read_text() == "mine"
    assert len(list(tmp_path.glob("s-*.log"))) == 2


def test_a_full_disk_is_told_once_and_without_a_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "server.log"
    full.symlink_to("/dev/full")
    handler = rotating(full, Rotation(), [CREATED])
    for secret in ("one", "two"):
        try:
            int(secret)
        except ValueError:
            handler.emit(record("x"))
    handler.close()
    assert capsys.readouterr().err == f"{full} cannot be written: No space left on device\n"


def test_a_rotation_that_found_no_room_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = rotating(tmp_path / "server.log", Rotation(max_bytes=5), [CREATED])
    handler.emit(record("one"))
    with monkeypatch.context() as failing:
        failing.setattr(handler, "_open", lambda: open("/nowhere/at/all"))  # noqa: PTH123, SIM115
        handler.emit(record("two"))
    handler.emit(record("three"))
    handler.close()
    assert "three" in (tmp_path / "server.log").read_text()
    assert "cannot be written" in capsys.readouterr().err


def test_reopen_after_the_file_was_moved(tmp_path: Path) -> None:
    handler = rotating(tmp_path / "s.log", Rotation(), [1000.0])
    handler.emit(record("a"))
    (tmp_path / "s.log").rename(tmp_path / "moved")
    handler.reopen()
    handler.emit(record("b"))
    handler.close()
    assert (tmp_path / "s.log").read_text() == "b\n"
    assert (tmp_path / "moved").read_text() == "a\n"


def test_to_file_writes_in_the_chosen_form(root: logging.Logger, tmp_path: Path) -> None:
    logs = Logs(form="json", root=root)
    logs.to_file(tmp_path / "s.log")
    root.info("x")
    logs.close()
    assert orjson.loads((tmp_path / "s.log").read_bytes())["@message"] == "x"


def test_the_threshold_is_told_whenever_it_changes(root: logging.Logger) -> None:
    logs = Logs("info", root=root)
    told: list[int] = []
    logs.told = told.append
    logs.set_level("error")
    logs.set_level("trace", "plant")
    with logs.subscribe("debug"):
        pass
    logs.reset_level("plant")
    logs.configure("warn")
    assert told == [logging.ERROR, log.TRACE, log.TRACE, log.TRACE, logging.ERROR, logging.WARNING]
    assert root.level == logging.WARNING


def test_following_another_process_lets_all_pass_that_it_wants(root: logging.Logger) -> None:
    logs = Logs("info", root=root)
    stream = io.StringIO()
    logs.to_stream(stream)
    root.debug("one")
    logs.follow(logging.DEBUG)
    root.debug("two")
    logs.follow(logging.ERROR)
    root.info("three")
    assert stream.getvalue().endswith("[DEBUG] plant: two\n")
    assert stream.getvalue().count("\n") == 1
    logs.close()


def test_configurations_say_by_a_negative_number_that_no_old_file_is_kept(tmp_path: Path) -> None:
    assert Rotation.configured(-5, 60.0, 2) == Rotation(0, 60.0, 2)
    rotation = Rotation.configured(1, 0.0, -1)
    assert not rotation.keeps
    handler = RotatingFile(tmp_path / "a.log", rotation)
    for word in ("one", "two", "three"):
        handler.emit(logging.makeLogRecord({"msg": word}))
    handler.close()
    assert [each.name for each in tmp_path.iterdir()] == ["a.log"]
    assert (tmp_path / "a.log").read_text() == "three\n"
