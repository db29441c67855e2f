"""Suggestions in the page: seen, taken, refused, offline too; and asked for."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from limner.store.images import get_image
from limner.store.suggestions import NewSuggestion, replace_suggestions
from limner.store.tables import Annotation, Suggestion
from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, violations
from tests.e2e.api import Project, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.test_faults import OPERATIONS

pytestmark = pytest.mark.e2e

PHOTO = "cat.png"
BOXES = {0.9: (20, 20, 60, 40), 0.7: (120, 30, 50, 50), 0.5: (40, 90, 70, 30)}  # by score: x, y, width, height


def suggest(server: LimnerServer, annotate: AnnotatePage) -> int:
    """Give the open image suggestions, as a job would; its number."""
    image_id = int(annotate.page.url.rsplit("/", 1)[1])
    with database_of(server) as session:
        image = get_image(session, image_id)
        new = []
        for score, (x, y, width, height) in BOXES.items():
            mask = np.zeros((image.height, image.width), np.bool_)
            mask[y : y + height, x : x + width] = True
            new.append(NewSuggestion(rle.encode(mask), score, "a" * 64))
        replace_suggestions(session, image_id, "everything", new)
    annotate.page.reload()
    annotate.wait_until_ready()
    return image_id


def states(server: LimnerServer, image_id: int) -> dict[float, str]:
    with database_of(server) as session:
        rows = session.scalars(select(Suggestion).where(Suggestion.image_id == image_id)).all()
        return {row.score: row.state for row in rows}


def requests_of(page: Page) -> list[Any]:
    """What the page asks to look for from now on."""
    asked: list[Any] = []

    def note(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.post_data_json)
        route.continue_()

    page.route(re.compile(r"/suggestions$"), note)
    return asked


def test_suggestions_are_taken_and_refused_with_pointer_and_keys(
    server: LimnerServer, project: Project, page: Page
) -> None:
    annotate = AnnotatePage(page, project, PHOTO)
    image_id = suggest(server, annotate)
    panel = page.get_by_role("region", name="Suggestions")
    counts = page.get_by_test_id("suggestion-counts")
    expect(counts).to_have_text("3 shown")
    page.get_by_label("Least score").fill("0.6")
    expect(counts).to_have_text("2 shown · 1 below 60 %")
    page.get_by_label("Least score").fill("0")
    assert violations(page) == []

    page.mouse.move(*annotate.at(150, 55))
    page.mouse.click(*annotate.at(150, 55))  # the one with 0.7
    expect(annotate.objects).to_have_count(1)
    expect(counts).to_have_text("2 shown")
    annotate.leave()
    page.keyboard.press("Tab")
    page.keyboard.press("x")  # the best one
    expect(counts).to_have_text("1 shown")
    page.keyboard.press("Control+z")
    expect(counts).to_have_text("2 shown")
    page.keyboard.press("Control+y")
    expect(counts).to_have_text("1 shown")
    annotate.saved()
    assert states(server, image_id) == {0.9: "refused", 0.7: "accepted", 0.5: "open"}

    page.route(OPERATIONS, lambda route: route.abort())
    page.keyboard.press("Shift+Enter")
    expect(annotate.objects).to_have_count(2)
    expect(counts).to_have_count(0)
    page.unroute(OPERATIONS)
    page.reload()
    annotate.wait_until_ready()
    expect(annotate.objects).to_have_count(2)
    annotate.saved()
    expect(panel.get_by_role("button", name=re.compile("Find everything"))).to_be_enabled()
    assert states(server, image_id) == {0.9: "refused", 0.7: "accepted", 0.5: "accepted"}
    with database_of(server) as session:
        rows = session.scalars(select(Annotation).where(Annotation.image_id == image_id)).all()
        origins: list[Any] = [(row.provenance or {})["origin"] for row in rows]
    assert sorted(origin["score"] for origin in origins) == [0.5, 0.7]
    assert all(UUID(origin["suggestion"]) and origin["source"] == "everything" for origin in origins)


def test_everything_is_asked_for_with_its_grid_and_can_be_cancelled(project: Project, page: Page) -> None:
    AnnotatePage(page, project, PHOTO)
    panel = page.get_by_role("region", name="Suggestions")
    asked = requests_of(page)
    panel.get_by_label("Grid").select_option("32 × 32")
    page.get_by_role("application").focus()
    page.keyboard.press("Shift+e")
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_role("button", name=re.compile("Find everything"))).to_be_enabled()
    assert asked == [{"request": {"source": "everything", "points_per_side": 32}}]


def test_what_looks_like_the_selected_object_is_looked_for(server: LimnerServer, project: Project, page: Page) -> None:
    annotate = AnnotatePage(page, project, PHOTO)
    image_id = suggest(server, annotate)
    panel = page.get_by_role("region", name="Suggestions")
    similar = panel.get_by_role("button", name="Find similar")
    expect(similar).to_be_disabled()
    page.mouse.move(*annotate.at(150, 55))
    page.mouse.click(*annotate.at(150, 55))
    expect(annotate.objects).to_have_count(1)
    annotate.saved()
    page.mouse.click(*annotate.at(150, 55))  # selects what is an object now
    expect(similar).to_be_enabled()
    assert violations(page) == []
    asked = requests_of(page)
    with page.expect_response(re.compile(r"/suggestions$")) as answer:
        page.keyboard.press("Shift+l")
    assert answer.value.status == 202
    with database_of(server) as session:
        (row,) = session.scalars(select(Annotation).where(Annotation.image_id == image_id)).all()
        assert asked == [{"request": {"source": "similar", "examples": [row.uid]}}]
    expect(panel.get_by_role("button", name=re.compile("Find everything"))).to_be_enabled(timeout=120_000)
    expect(page.get_by_role("alert")).to_have_count(0)
