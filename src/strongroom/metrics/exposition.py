"""Metrics as sys/metrics answers them: JSON of the last interval, or Prometheus text."""

from __future__ import annotations

import math
import re
import time
from typing import Any

from strongroom.errors import BadRequest
from strongroom.metrics.registry import INTERVAL, Counter, Labels, Metrics, Series, Timing

PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of :func:`render_prometheus`."""

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_:]")
_QUANTILES = (("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99))


def render_json(metrics: Metrics, now: float) -> dict[str, Any]:
    """The last closed interval, in the shape of Vault's servers. ``now``: seconds since the epoch."""
    metrics.roll(now)
    series = sorted(metrics.series(), key=lambda each: (each.name, each.labels))
    return {
        "Timestamp": time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(metrics.started())),
        "Gauges": [
            {"Name": f"{metrics.prefix}.{point.name}", "Value": point.value, "Labels": dict(point.labels)}
            for point in metrics.points()
        ],
        "Points": [],
        "Counters": [
            _summary(metrics, each) for each in series if isinstance(each, Counter) and each.last.count
        ],
        "Samples": [
            _summary(metrics, each) for each in series if isinstance(each, Timing) and each.last.count
        ],
    }


def _summary(metrics: Metrics, series: Series) -> dict[str, Any]:
    window = series.last
    return {
        "Name": f"{metrics.prefix}.{series.name}",
        "Count": window.count,
        "Rate": window.total / INTERVAL,
        "Sum": window.total,
        "Min": window.least,
        "Max": window.most,
        "Mean": window.mean,
        "Stddev": window.deviation,
        "Labels": dict(series.labels),
    }


def render_prometheus(metrics: Metrics, now: float, *, retention: float) -> bytes:
    """Text exposition format 0.0.4. ``retention`` is prometheus_retention_time, seconds.

    Quantiles are those of the last closed interval, sums and counts those of the process. Raises
    BadRequest when the retention is 0, which turns Prometheus off.
    """
    if not retention:
        raise BadRequest("prometheus is not enabled")
    metrics.roll(now)
    families: dict[str, list[str]] = {}
    for point in metrics.points():
        name = metric_name(f"{metrics.prefix}.{point.name}")
        lines = families.setdefault(name, _head(name, "gauge"))
        lines.append(f"{name}{_labels(point.labels)} {_number(point.value)}")
    for series in sorted(metrics.series(), key=lambda each: (each.name, each.labels)):
        name = metric_name(f"{metrics.prefix}.{series.name}")
        kind = "counter" if isinstance(series, Counter) else "summary"
        lines = families.setdefault(name, _head(name, kind))
        lines += _counter(name, series) if kind == "counter" else _quantiles(name, series)
    return "".join(f"{line}\n" for name in sorted(families) for line in families[name]).encode()


def metric_name(name: str) -> str:
    """A name with everything that Prometheus does not take made an underscore."""
    clean = _NOT_IN_NAMES.sub("_", name)
    return f"_{clean}" if clean[:1].isdecimal() else clean


def _head(name: str, kind: str) -> list[str]:
    return [f"# HELP {name} {name}", f"# TYPE {name} {kind}"]


def _counter(name: str, series: Series) -> list[str]:
    return [f"{name}{_labels(series.labels)} {_number(series.lifetime()[1])}"]


def _quantiles(name: str, series: Series) -> list[str]:
    count, total = series.lifetime()
    labels = _labels(series.labels)
    return [
        *(
            f"{name}{_labels((*series.labels, ('quantile', word)))} {_number(series.last.quantile(portion))}"
            for word, portion in _QUANTILES
        ),
        f"{name}_sum{labels} {_number(total)}",
        f"{name}_count{labels} {count}",
    ]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return (
        "{"
        + ",".join(f'{metric_name(key).replace(":", "_")}="{_escaped(value)}"' for key, value in labels)
        + "}"
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
