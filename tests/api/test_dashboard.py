"""The dashboard for Grafana asks for the figures that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from limner.config import Settings

DASHBOARD = Path(__file__).parents[2] / "packaging" / "grafana" / "limner.json"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a limit for embeddings, without which their figure is not shown."""
    return settings.model_copy(update={"max_embedding_bytes": 10**9})


def test_the_dashboard_shows_every_figure_and_none_that_does_not_exist(script: FlaskClient) -> None:
    families = text_string_to_metric_families(script.get("/metrics").get_data(as_text=True))  # type: ignore[no-untyped-call]
    there = {each.name for each in families if not each.name.endswith("_created")}
    board = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    named = {
        re.sub(r"_(bucket|count|sum|total)$", "", name) for name in re.findall(r"\blimner_[a-z_]+", " ".join(asked))
    }
    assert named == there


def test_panels_stand_beside_each_other_and_lines_are_called_by_what_they_are_grouped_by() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")"), target
            grouped = {
                label.strip()
                for labels in re.findall(r"\bby \(([^)]*)\)", target["expr"])
                for label in labels.split(",")
            }
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) == grouped - {"le"}, target
    assert len({panel["id"] for panel in panels}) == len(panels)
