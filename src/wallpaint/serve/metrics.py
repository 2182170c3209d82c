"""Metrics of the server in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wallpaint.serve.jobs import QUEUED, RUNNING, JobQueue
from wallpaint.serve.pool import WorkerPool

MEDIA_TYPE = CONTENT_TYPE_LATEST
REQUEST_BUCKETS_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
JOB_BUCKETS_S = (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600)
OTHER = "other"  # the route of pages and of unknown addresses


class Metrics:
    """The metrics of one server. Labels are routes, methods, statuses and kinds of jobs; none names a client."""

    def __init__(self, queue: JobQueue, pool: WorkerPool) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("wallpaint_requests", "Requests answered.", labels, registry=self.registry)
        self.request_seconds = Histogram(
            *("wallpaint_request_seconds", "Seconds until a response began.", ("route",)),
            buckets=REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self.job_seconds = Histogram(
            *("wallpaint_job_seconds", "Seconds of finished jobs in a worker.", ("kind", "state")),
            buckets=JOB_BUCKETS_S,
            registry=self.registry,
        )
        self.registry.register(_StateCollector(queue, pool))

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self.registry)


class _StateCollector(Collector):
    """The present state of queue and pool."""

    def __init__(self, queue: JobQueue, pool: WorkerPool) -> None:
        self.queue, self.pool = queue, pool

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics."""
        jobs = GaugeMetricFamily("wallpaint_jobs", "Unfinished jobs.", labels=["state"])
        for state in (QUEUED, RUNNING):
            jobs.add_metric([state], self.queue.count(state))
        yield jobs
        yield GaugeMetricFamily("wallpaint_workers_ready", "Workers that have loaded their models.", self.pool.ready)
        yield GaugeMetricFamily("wallpaint_worker_restarts", "Workers that were replaced.", self.pool.restarts)


class MetricsMiddleware:
    """Counts requests and measures the seconds until their responses begin."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()

        async def measured_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", None) or OTHER
                method = scope["method"] if scope["method"] in _METHODS else OTHER
                self.metrics.requests.labels(method, route, message["status"]).inc()
                self.metrics.request_seconds.labels(route).observe(perf_counter() - started)
            await send(message)

        await self.app(scope, receive, measured_send)


_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
