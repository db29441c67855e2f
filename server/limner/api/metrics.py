"""Figures for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from limner.service.wiring import Services

if TYPE_CHECKING:
    from limner.api.serving.front import Front
    from limner.api.serving.protocol import Connections

EXTENSION = "limner_metrics"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class ServiceCollector(Collector):
    """Reads the encoder's queue and the number of listening pages when Prometheus asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

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
        listeners = GaugeMetricFamily("limner_event_streams", "Pages that listen to events.")
        listeners.add_metric([], self._services.events.listeners)
        yield listeners


def register_metrics(app: Flask, services: Services) -> None:
    """Measure every request of ``app``."""
    metrics = CollectorRegistry()
    metrics.register(ServiceCollector(services))
    seconds = Histogram(
        "limner_request_seconds",
        "Seconds from a request to its answer's headers.",
        labelnames=["endpoint", "method", "status"],
        buckets=BUCKETS,
        registry=metrics,
    )
    app.extensions[EXTENSION] = metrics

    @app.before_request
    def start_clock() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def stop_clock(response: Response) -> Response:
        endpoint = request.endpoint or "none"  # never the path: addresses are unbounded, and so are methods
        method = request.method if request.method in METHODS else "other"
        elapsed = time.perf_counter() - g.started
        seconds.labels(endpoint, method, str(response.status_code)).observe(elapsed)
        return response


class FrontCollector(Collector):
    """Reads connections and lanes of threads when Prometheus asks."""

    def __init__(self, front: Front, connections: Connections) -> None:
        self._front = front
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        """The figures of this moment."""
        yield GaugeMetricFamily("limner_connections", "Open connections.", self._connections.open)
        yield CounterMetricFamily("limner_connections_refused", "Connections cut off.", self._connections.refused)
        waiting = GaugeMetricFamily("limner_requests_waiting", "Requests that wait for a thread.", labels=["lane"])
        working = GaugeMetricFamily("limner_requests_working", "Requests that have a thread.", labels=["lane"])
        shed = CounterMetricFamily(
            "limner_requests_shed", "Requests answered 503 for lack of threads.", labels=["lane"]
        )
        for lane, threads in self._front.lanes.items():
            waiting.add_metric([lane], threads.waiting)
            working.add_metric([lane], threads.working)
            shed.add_metric([lane], threads.shed)
        yield from (waiting, working, shed)


def register_front_metrics(app: Flask, front: Front, connections: Connections) -> None:
    """Show the figures of the server around ``app``."""
    cast(CollectorRegistry, app.extensions[EXTENSION]).register(FrontCollector(front, connections))


def registry() -> CollectorRegistry:
    """The figures of the application that handles the current request."""
    return cast(CollectorRegistry, current_app.extensions[EXTENSION])
