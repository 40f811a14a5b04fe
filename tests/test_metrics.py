from __future__ import annotations

import math
import re
import socket
import statistics
import threading
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import BadRequest
from strongroom.metrics import (
    Metrics,
    Push,
    Snapshot,
    Together,
    Window,
    process,
    push,
    render_json,
    render_prometheus,
)
from strongroom.metrics.exposition import metric_name

NOW = 1_795_387_030.0  # 2026-11-22 22:37:10 UTC

LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
VALUE = r"(?:NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
SAMPLE = re.compile(rf"[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{{{LABEL}(?:,{LABEL})*\}})? {VALUE}")
COMMENT = re.compile(r"# (?:HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+")


def test_json_shows_the_last_interval_as_the_peer_does() -> None:
    metrics = Metrics()
    metrics.roll(NOW)
    metrics.timing("metrics.collection", {"gauge": "x", "cluster": "cn"}).add(600_000)
    metrics.counter("cache.hit").add()
    metrics.counter("cache.hit").add()
    metrics.gauge("core.active", lambda: 1, {"cluster": "cn"})
    answer = render_json(metrics, NOW + 10)
    assert list(answer) == ["Timestamp", "Gauges", "Points", "Counters", "Samples"]
    assert answer["Timestamp"] == "2026-11-22 22:37:10 +0000 UTC"
    assert answer["Gauges"] == [{"Name": "vault.core.active", "Value": 1, "Labels": {"cluster": "cn"}}]
    assert answer["Points"] == []
    assert answer["Counters"] == [
        {
            "Name": "vault.cache.hit",
            "Count": 2,
            "Rate": 0.2,
            "Sum": 2,
            "Min": 1,
            "Max": 1,
            "Mean": 1,
            "Stddev": 0,
            "Labels": {},
        }
    ]
    (sample,) = answer["Samples"]
    assert (sample["Count"], sample["Rate"], sample["Mean"]) == (1, 60_000, 600_000)
    assert sample["Labels"] == {"cluster": "cn", "gauge": "x"}


def test_a_quiet_interval_shows_nothing() -> None:
    metrics = Metrics()
    metrics.counter("a").add()
    assert render_json(metrics, NOW)["Counters"]
    assert render_json(metrics, NOW + 5)["Counters"], "still the same interval"
    assert render_json(metrics, NOW + 10)["Counters"] == []


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=200))
def test_windows_agree_with_statistics(values: list[float]) -> None:
    metrics = Metrics()
    timing = metrics.timing("t")
    for value in values:
        timing.add(value)
    metrics.roll(NOW)
    window = timing.last
    assert (window.count, window.least, window.most) == (len(values), min(values), max(values))
    assert math.isclose(window.total, sum(values), abs_tol=1e-6)
    assert math.isclose(window.deviation, statistics.stdev(values), rel_tol=1e-3, abs_tol=1)
    assert min(values) <= window.quantile(0.5) <= window.quantile(0.99) <= max(values)


def test_quantiles() -> None:
    window = Window(100, recent=tuple(float(n) for n in range(100)))
    assert [window.quantile(q) for q in (0.5, 0.9, 0.99)] == [50, 90, 99]
    assert math.isnan(Window().quantile(0.5))


def test_prometheus_text() -> None:
    metrics = Metrics()
    timing = metrics.timing("route.read.secret-", {"b": "2", "a": 'q"\\\n'})
    timing.add(1.5)
    timing.add(2.5)
    metrics.counter("audit.log_request_failure").add(3)
    metrics.gauge("expire.num_leases", lambda: 7)
    metrics.gauge("token.count", lambda: [({"namespace": "root"}, 1), ({"namespace": "ns1/"}, 0.5)])
    text = render_prometheus(metrics, NOW, retention=1).decode()
    assert text == (
        "# HELP vault_audit_log_request_failure vault_audit_log_request_failure\n"
        "# TYPE vault_audit_log_request_failure counter\n"
        "vault_audit_log_request_failure 3\n"
        "# HELP vault_expire_num_leases vault_expire_num_leases\n"
        "# TYPE vault_expire_num_leases gauge\n"
        "vault_expire_num_leases 7\n"
        "# HELP vault_route_read_secret_ vault_route_read_secret_\n"
        "# TYPE vault_route_read_secret_ summary\n"
        'vault_route_read_secret_{a="q\\"\\\\\\n",b="2",quantile="0.5"} 2.5\n'
        'vault_route_read_secret_{a="q\\"\\\\\\n",b="2",quantile="0.9"} 2.5\n'
        'vault_route_read_secret_{a="q\\"\\\\\\n",b="2",quantile="0.99"} 2.5\n'
        'vault_route_read_secret__sum{a="q\\"\\\\\\n",b="2"} 4\n'
        'vault_route_read_secret__count{a="q\\"\\\\\\n",b="2"} 2\n'
        "# HELP vault_token_count vault_token_count\n"
        "# TYPE vault_token_count gauge\n"
        'vault_token_count{namespace="ns1/"} 0.5\n'
        'vault_token_count{namespace="root"} 1\n'
    )


def test_sums_and_counts_outlive_their_windows() -> None:
    metrics = Metrics()
    for at in (0, 10, 20):
        metrics.timing("t").add(2)
        metrics.counter("c").add()
        metrics.roll(NOW + at)
    lines = render_prometheus(metrics, NOW + 40, retention=1).decode().splitlines()
    assert "vault_t_count 3" in lines
    assert "vault_t_sum 6" in lines
    assert "vault_c 3" in lines
    assert 'vault_t{quantile="0.5"} NaN' in lines


@given(
    st.text(min_size=1, max_size=12),
    st.dictionaries(st.text(min_size=1, max_size=6), st.text(max_size=12), max_size=3),
    st.floats(),
)
def test_every_line_is_well_formed(name: str, labels: dict[str, str], value: float) -> None:
    metrics = Metrics()
    metrics.gauge(name, lambda: value, labels)
    metrics.timing(name + "t", labels).add(1)
    for line in render_prometheus(metrics, NOW, retention=1).decode().removesuffix("\n").split("\n"):
        assert (COMMENT if line.startswith("#") else SAMPLE).fullmatch(line), line


def test_without_retention_there_is_no_prometheus() -> None:
    with pytest.raises(BadRequest, match="prometheus is not enabled"):
        render_prometheus(Metrics(), NOW, retention=0)


def test_names() -> None:
    assert metric_name("vault.route.read.my-kv/-") == "vault_route_read_my_kv__"
    assert metric_name("9to5") == "_9to5"


def test_prefix_and_hostname() -> None:
    metrics = Metrics("sr", hostname="box")
    metrics.gauge("core.active", lambda: 1)
    metrics.counter("c").add()
    answer = render_json(metrics, NOW)
    assert answer["Gauges"][0]["Name"] == "sr.box.core.active"
    assert answer["Counters"][0]["Name"] == "sr.c"


def test_series_are_found_again() -> None:
    metrics = Metrics()
    assert metrics.counter("a", {"x": "1", "y": "2"}) is metrics.counter("a", {"y": "2", "x": "1"})
    assert metrics.counter("a") is not metrics.counter("a", {"x": "1"})


def test_cardinality_is_bounded() -> None:
    metrics = Metrics(max_cardinality=3)
    for number in range(10):
        metrics.counter("a", {"n": str(number)}).add()
    metrics.gauge("g", lambda: [({"n": str(number)}, 1) for number in range(10)])
    answer = render_json(metrics, NOW)
    assert len(answer["Counters"]) == 3
    assert len(answer["Gauges"]) == 3
    assert metrics.dropped == 7


@pytest.mark.parametrize(
    ("filters", "default", "shown"),
    (
        ((), True, ["core.a", "core.b", "token.a"]),
        (("-vault.core",), True, ["token.a"]),
        (("-vault.core", "+vault.core.a"), True, ["core.a", "token.a"]),
        (("+vault.core.a",), False, ["core.a"]),
    ),
)
def test_filters(filters: tuple[str, ...], default: bool, shown: list[str]) -> None:
    metrics = Metrics(filters=filters, filter_default=default)
    for name in ("core.a", "core.b", "token.a"):
        metrics.counter(name).add()
    found = render_json(metrics, NOW)["Counters"]
    assert [each["Name"].removeprefix("vault.") for each in found] == shown


def measured() -> Metrics:
    metrics = Metrics()
    metrics.gauge("expire.num_leases", lambda: 7, {"ns": "a b"})
    metrics.counter("c", {"x": "y"}).add(2)
    for value in (1, 2, 3, 4):
        metrics.timing("t").add(value)
    metrics.roll(NOW)
    return metrics


@pytest.mark.parametrize(
    ("protocol", "expected"),
    (
        ("statsd", ["vault.expire.num_leases.a_b:7|g", "vault.c.y:2|c", "vault.t:2.5|ms|@0.25"]),
        ("statsite", ["vault.expire.num_leases.a_b:7|g", "vault.c.y:2|c", "vault.t:2.5|ms"]),
        (
            "dogstatsd",
            [
                "vault.expire.num_leases:7|g|#env:e,ns:a_b",
                "vault.c:2|c|#env:e,x:y",
                "vault.t:2.5|ms|@0.25|#env:e",
            ],
        ),
    ),
)
def test_lines(protocol: push.Protocol, expected: list[str]) -> None:
    assert list(push.lines(measured(), protocol, ["env:e"])) == expected


@given(st.lists(st.text("ab", min_size=1, max_size=30), max_size=40), st.integers(1, 64))
def test_packets_keep_lines_whole(lines: list[str], size: int) -> None:
    packets = list(push.packets(lines, size))
    assert b"".join(packets).decode().splitlines() == lines
    assert all(len(packet) <= size or packet.count(b"\n") == 1 for packet in packets)


def test_flush_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        Push("statsd", f"127.0.0.1:{receiver.getsockname()[1]}").flush(measured())
        assert b"vault.c.y:2|c\n" in receiver.recv(65_536)


def test_flush_over_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = threading.Thread(
            target=Push("statsite", f"127.0.0.1:{server.getsockname()[1]}").flush, args=(measured(),)
        )
        sender.start()
        connection, _ = server.accept()
        with connection:
            received = b"".join(iter(lambda: connection.recv(4096), b""))
        sender.join()
    assert received.endswith(b"vault.t:2.5|ms\n")


def test_flush_says_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match=r"refused|reset"):
        Push("statsite", f"127.0.0.1:{port}").flush(measured())


def test_process_gauges() -> None:
    metrics = Metrics()
    process.register(metrics)
    values = {point.name: point.value for point in metrics.points()}
    assert values["runtime.alloc_bytes"] > 1_000_000
    assert values["runtime.open_fds"] >= 3
    assert values["runtime.heap_objects"] > 1_000
    assert abs(values["runtime.start_time_seconds"] - time.time()) < 60


def test_a_timing_that_sums_in_hundreds_misses_nothing() -> None:
    timing = Metrics().timing("t")
    values = [float(number % 7 + 1) for number in range(1_300)]
    for value in values:
        timing.add(value)
    assert timing.lifetime() == (1_300, sum(values))
    window = timing.current()
    assert (window.least, window.most) == (1.0, 7.0)
    assert window.recent == tuple(values[-256:])
    assert window.squares == sum(value * value for value in values)
    timing.roll()
    timing.add(3.0)
    assert (timing.last.count, timing.current().count, timing.lifetime()[0]) == (1_300, 1, 1_301)


def test_a_block_is_timed_also_when_it_fails() -> None:
    timing = Metrics().timing("t")
    with pytest.raises(KeyError), timing.taken():
        raise KeyError
    count, total = timing.lifetime()
    assert count == 1
    assert total >= 0


def of_a_process(*timings: float, counted: int = 0) -> Metrics:
    """What a process has measured that timed these, in a window that is closed, and counted so often."""
    metrics = Metrics(hostname="box")
    for value in timings:
        metrics.timing("t", {"m": "x"}).add(value)
    for _ in range(counted):
        metrics.counter("c").add(2)
    metrics.gauge("core.in_flight_requests", lambda: len(timings))
    metrics.gauge("core.unsealed", lambda: 1)
    metrics.gauge("runtime.open_fds", lambda: 10 * len(timings))
    metrics.roll(NOW)
    return metrics


def test_processes_are_shown_as_one_server() -> None:
    one, other = of_a_process(1, 2), of_a_process(9, counted=3)
    shown = render_json(Together(one, [("reader-1", Snapshot.of(other))]), NOW)
    (sample,) = shown["Samples"]
    assert (sample["Count"], sample["Sum"], sample["Min"], sample["Max"]) == (3, 12, 1, 9)
    assert sample["Stddev"] == pytest.approx(statistics.stdev((1, 2, 9)))
    (counter,) = shown["Counters"]
    assert (counter["Count"], counter["Sum"]) == (3, 6)
    gauges = {(each["Name"], each["Labels"].get("process", "")): each["Value"] for each in shown["Gauges"]}
    assert gauges == {
        ("vault.box.core.in_flight_requests", ""): 3,
        ("vault.box.core.unsealed", ""): 1,
        ("vault.box.runtime.open_fds", ""): 20,
        ("vault.box.runtime.open_fds", "reader-1"): 10,
    }
    assert one.timing("t", {"m": "x"}).lifetime() == (2, 3)


def test_a_snapshot_passes_as_messagepack() -> None:
    snapshot = Snapshot.of(of_a_process(1, 2, counted=1))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Snapshot) == snapshot


def test_counts_of_processes_that_ended_are_kept() -> None:
    """A counter that falls would look to Prometheus as if the server had begun anew."""
    departed = Snapshot()
    for _ in range(3):
        departed = Snapshot.of(of_a_process(1, 2, counted=1)).after(departed)
    assert departed.gauges == []
    text = render_prometheus(Together(of_a_process(5), [("", departed)]), NOW, retention=1).decode()
    lines = text.splitlines()
    assert 'vault_t_count{m="x"} 7' in lines
    assert 'vault_t_sum{m="x"} 14' in lines
    assert "vault_c 6" in lines
    assert 'vault_t{m="x",quantile="0.5"} 5' in lines
