"""What the server measures about itself.

Source: the ``sys/metrics`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import codec
from strongroom.errors import PermissionDenied
from strongroom.framework.field import field
from strongroom.framework.path import UNAVAILABLE, Path
from strongroom.logical import SECOND, Request, Response
from strongroom.metrics import PROMETHEUS_TYPE, render_json, render_prometheus
from strongroom.wire import Message, Reply

if TYPE_CHECKING:
    from strongroom.sys.system import System

_PROMETHEUS_TYPES = ("application/openmetrics-text", "text/plain; version=0.0.4")
_PLAIN = [("Cache-Control", "no-store"), ("Content-Type", "text/plain; charset=utf-8")]


def screen(message: Message) -> Reply | None:
    """The refusal of a listener that has nothing but metrics, or everything else; None to go on."""
    traits = message.listener
    if not (traits.metrics_only or traits.disallow_metrics):
        return None
    wanted = message.target.partition("?")[0] == "/v1/sys/metrics"
    if traits.metrics_only and not wanted:
        return Reply(404, _PLAIN, b"this listener only serves the metrics endpoint\n")
    if traits.disallow_metrics and wanted:
        return Reply(403, _PLAIN, b"metrics endpoint is disabled for this listener\n")
    return None


class Metrics(Path):
    """Counters, timings and gauges of the server."""

    pattern = "metrics"
    reads_headers = frozenset({"accept"})
    root_namespace_only = UNAVAILABLE
    format: str = field("prometheus for its text format; JSON otherwise.", query=True)

    @classmethod
    def needs_token(cls, request: Request) -> bool:
        """Where the listener opens its metrics, everybody may read them."""
        return request.message is None or not request.message.listener.unauthenticated_metrics_access

    async def read(self, system: System, request: Request) -> Response:
        """The last full interval of ten seconds, of all processes of the server."""
        core = system.core
        if request.message is not None and request.message.listener.disallow_metrics:
            raise PermissionDenied
        await core.measures.count(request.now)
        now = request.now / SECOND
        measured = await core.measures.everyones(now)
        wanted = self.format or _accepted(request)
        if wanted == "prometheus":
            retention = core.config.telemetry.prometheus_retention_time
            text = render_prometheus(measured, now, retention=retention)
            return Response(raw=text, content_type=PROMETHEUS_TYPE)
        if wanted:
            return Response(
                raw=f'metric response format "{wanted}" unknown'.encode(),
                status=400,
                content_type="text/plain",
            )
        return Response(raw=codec.encode(render_json(measured, now)))


def _accepted(request: Request) -> str:
    """``prometheus`` when the client's Accept header asks for its text format."""
    accept = request.headers.get("accept", "")
    return "prometheus" if accept.startswith(_PROMETHEUS_TYPES) else ""


PATHS: tuple[type[Path], ...] = (Metrics,)
