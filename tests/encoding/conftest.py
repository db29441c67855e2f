"""What the tests of the encoding service begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.encoding import dispatch as dispatch_module
from limner.encoding import supervisor as supervisor_module
from tests.encoding.bench import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(supervisor_module, "LAST_BACKOFF", 0.01)
    monkeypatch.setattr(supervisor_module, "WATCH_EVERY", 0.05)
    monkeypatch.setattr(dispatch_module, "FIRST_PAUSE", 0.01)
    bench = Bench(tmp_path)
    yield bench
    for service in bench.services:
        service.stop()
