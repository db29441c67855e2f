"""Figures for Prometheus, true for all web processes of a server whichever of them answers.

With several processes prometheus_client keeps each figure in a file (``PROMETHEUS_MULTIPROC_DIR``, set by the
supervisor) and adds them up when asked. What is no event but a state, such as open connections, is written there once
a second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from limner.service.wiring import Services

if TYPE_CHECKING:
    from limner.api.serving.front import Front
    from limner.api.serving.protocol import Connections

EXTENSION = "limner_metrics"
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
TAKEN_FOR = 60.0  # s, that what embeddings take is not added up anew
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class EncoderCollector(Collector):
    """Reads the encoder's queue, and what embeddings take where that is limited, when Prometheus asks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._taken = 0
        self._taken_until = 0.0

    def describe(self) -> list[Metric]:
        """Nothing: the encoder must not be asked before it was started."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        queue = self._services.encoder.status().queue
        waiting = GaugeMetricFamily("limner_encoder_queue_images", "Images that wait for the encoder.")
        waiting.add_metric([], queue.waiting)
        yield waiting
        encoded = CounterMetricFamily("limner_encoder_images", "Images the encoder has answered.", labels=["outcome"])
        encoded.add_metric(["done"], queue.done)
        encoded.add_metric(["failed"], queue.failed)
        yield encoded
        cap = self._services.embedding_cap
        if cap.most:
            if time.monotonic() >= self._taken_until:
                self._taken, self._taken_until = cap.taken(), time.monotonic() + TAKEN_FOR
            taken = GaugeMetricFamily(
                "limner_embedding_bytes", "What embeddings take, and what they may take.", labels=["what"]
            )
            taken.add_metric(["stored"], self._taken)
            taken.add_metric(["most"], cap.most)
            yield taken


class Metrics:
    """The figures of one web process, and what shows those of all."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._front: Front | None = None
        self._connections: Connections | None = None
        self._counted: dict[Counter, float] = {}
        own = CollectorRegistry()
        self.seconds = Histogram(
            "limner_request_seconds",
            "Seconds from a request to its answer's headers.",
            labelnames=["endpoint", "method", "status"],
            buckets=BUCKETS,
            registry=own,
        )
        self._streams = _gauge(own, "limner_event_streams", "Pages that listen to events.")
        self._open = _gauge(own, "limner_connections", "Open connections.")
        self._refused = Counter("limner_connections_refused", "Connections cut off.", registry=own)
        self._waiting = _gauge(own, "limner_requests_waiting", "Requests that wait for a thread.", "lane")
        self._working = _gauge(own, "limner_requests_working", "Requests that have a thread.", "lane")
        self._shed = Counter(
            "limner_requests_shed", "Requests answered 503 for lack of threads.", ["lane"], registry=own
        )
        self._shown = own
        if SHARED_FOLDER in os.environ:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown)  # type: ignore[no-untyped-call]
        self._shown.register(EncoderCollector(services))

    def watch(self, front: Front, connections: Connections) -> None:
        """Also show the figures of the server around the application."""
        self._front, self._connections = front, connections
        self.sample()

    def sample(self) -> None:
        """Write down the states of this moment. Called once a second and before they are shown."""
        self._streams.set(self._services.events.listeners)
        if self._connections is not None:
            self._open.set(self._connections.open)
            self._count(self._refused, self._connections.refused)
        for lane, threads in self._front.lanes.items() if self._front is not None else ():
            self._waiting.labels(lane).set(threads.waiting)
            self._working.labels(lane).set(threads.working)
            self._count(self._shed.labels(lane), threads.shed)

    def text(self) -> bytes:
        """Prometheus text."""
        self.sample()
        return generate_latest(self._shown)

    def _count(self, counter: Counter, total: float) -> None:
        """Have a counter show a total that only grows."""
        counter.inc(total - self._counted.get(counter, 0))
        self._counted[counter] = total


def _gauge(registry: CollectorRegistry, name: str, documentation: str, *labels: str) -> Gauge:
    """A state that adds up over the processes that are alive."""
    return Gauge(name, documentation, labels, registry=registry, multiprocess_mode="livesum")


def register_metrics(app: Flask, services: Services) -> None:
    """Measure every request of ``app``."""
    metrics = app.extensions[EXTENSION] = Metrics(services)

    @app.before_request
    def start_clock() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def stop_clock(response: Response) -> Response:
        endpoint = request.endpoint or "none"  # never the path: addresses are unbounded, and so are methods
        method = request.method if request.method in METHODS else "other"
        elapsed = time.perf_counter() - g.started
        metrics.seconds.labels(endpoint, method, str(response.status_code)).observe(elapsed)
        return response


def metrics_of(app: Flask) -> Metrics:
    """The figures of an application."""
    return cast(Metrics, app.extensions[EXTENSION])


def current_metrics() -> Metrics:
    """The figures of the application that handles the current request."""
    return metrics_of(current_app)
