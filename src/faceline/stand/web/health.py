"""Reports the health of the stand: an address for load balancers without private data, and Prometheus metrics."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from faceline.stand.board import PROBLEMS
from faceline.stand.clock import now
from faceline.stand.web.services import Services, services_of
from faceline.stand.web.tokens import Token
from faceline.stand.web.who_asks import may

router = APIRouter()

_COUNTS: Final = {
    "frames": ("faceline_frames", "Frames that were read from the source."),
    "dropped": ("faceline_frames_dropped", "Frames that nobody had the time to look at."),
    "damaged": ("faceline_frames_damaged", "Frames that could not be read."),
    "reopened": ("faceline_source_reopened", "How often the source was opened again."),
    "written": ("faceline_events_written", "Events that were written."),
    "lost": ("faceline_events_lost", "Events that found no room while nothing could be written."),
}


def state_of(services: Services) -> tuple[str, list[str]]:
    """Return the state in a word (``ok``, ``warning``, ``starting`` or ``silent``) and the problems."""
    state = services.board.state
    if state.at is None:
        return "starting", []
    if state.silent(now().steady) is not None:
        return "silent", ["silent"]
    problems = [str(kind) for kind in state.health.problems]
    return ("warning" if problems else "ok"), problems


@router.get("/healthz")
def healthz(request: Request) -> Response:
    """Answer load balancers and containers: 503 if the stand does not see or show anything."""
    told, problems = state_of(services_of(request))
    status = 503 if told in ("starting", "silent") else 200
    return JSONResponse({"status": told, "problems": problems}, status)


@router.get("/metrics")
def metrics(request: Request, _: Annotated[Token, Depends(may("health"))]) -> Response:
    """Return the metrics to a Prometheus server with a token."""
    registry = CollectorRegistry()
    registry.register(_Told(services_of(request)))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Told(Collector):
    """Turns the newest state of a stand into metrics."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        services, state, at = self.services, self.services.board.state, now().steady
        health = state.health
        _, problems = state_of(services)
        yield InfoMetricFamily(
            "faceline_stand", "The stand.", value={"stand": services.stand, "version": version("faceline")}
        )
        yield _gauge("faceline_frames_per_second", "Frames that are looked at in a second.", health.frames_per_second)
        if health.latency_ms is not None:
            yield _gauge(
                "faceline_frame_delay_seconds", "From a frame to its decision, 95th percentile.",
                health.latency_ms / 1000,
            )  # fmt: skip
        yield _gauge("faceline_faces", "Faces before the screen.", len(state.faces))
        yield _gauge("faceline_camera_up", "Whether frames come.", health.camera)
        yield _gauge("faceline_store_paused", "Whether events cannot be written.", not health.logging)
        yield _gauge("faceline_events_pending", "Events that wait in memory.", health.counts.get("pending", 0))
        yield _gauge("faceline_displays", "Displays that are connected.", services.displays)
        if state.at is not None:
            yield _gauge("faceline_loop_age_seconds", "Since the loop was last heard of.", max(at - state.at, 0.0))
        yield _gauge("faceline_warnings", "Problems that somebody should look after.", len(problems))
        each = GaugeMetricFamily("faceline_problem", "Whether the stand has a problem.", labels=["problem"])
        for kind in ("silent", *PROBLEMS):
            each.add_metric([kind], kind in problems)
        yield each
        for key, (name, told) in _COUNTS.items():
            yield CounterMetricFamily(name, told, value=health.counts.get(key, 0))
        if services.post is not None:
            yield from _webhooks(services.post.senders.values())


def _webhooks(senders: Any) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("faceline_webhook_waiting", "Messages that wait.", labels=["webhook"])
    counts = {
        name: CounterMetricFamily(f"faceline_webhook_{name}", f"Messages that were {told}.", labels=["webhook"])
        for name, told in (("sent", "taken"), ("refused", "refused"), ("lost", "lost for want of room"))
    }
    for sender in list(senders):
        waiting.add_metric([sender.hook.name], len(sender.waiting))
        values = {"sent": sender.sent, "refused": sender.refused, "lost": sender.waiting.lost}
        for name, metric in counts.items():
            metric.add_metric([sender.hook.name], values[name])
    yield waiting
    yield from counts.values()


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=float(value))
