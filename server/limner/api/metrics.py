"""Figures for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from limner.api.context import Services

EXTENSION = "limner_metrics"
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
        queue = cast(dict[str, float | None], self._services.encoder.status()["queue"])
        waiting = GaugeMetricFamily("limner_encoder_queue_images", "Images that wait for the encoder.")
        waiting.add_metric([], queue["waiting"] or 0)
        yield waiting
        encoded = CounterMetricFamily("limner_encoder_images", "Images the encoder has answered.", labels=["outcome"])
        encoded.add_metric(["done"], queue["done"] or 0)
        encoded.add_metric(["failed"], queue["failed"] or 0)
        yield encoded
        listeners = GaugeMetricFamily("limner_event_streams", "Pages that listen to events.")
        listeners.add_metric([], self._services.broadcaster.listeners)
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
        endpoint = request.endpoint or "none"  # never the path: addresses are unbounded
        elapsed = time.perf_counter() - g.started
        seconds.labels(endpoint, request.method, str(response.status_code)).observe(elapsed)
        return response


def registry() -> CollectorRegistry:
    """The figures of the application that handles the current request."""
    return cast(CollectorRegistry, current_app.extensions[EXTENSION])
