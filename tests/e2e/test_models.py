"""A project changes its model while somebody has one of its images open."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from safetensors.torch import load_file, save_file

from limner.models.catalogue import find_model
from limner.models.install import install_file
from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project
from tests.e2e.server import LimnerServer
from tests.e2e.test_faults import draw

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="session")
def second_model(server: LimnerServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Samlet with weights that differ a little, installed while the server runs; its title."""
    state = load_file(find_model("samlet", server.home).weights)
    name = max((each for each in state if each.endswith("weight")), key=lambda each: state[each].numel())
    file: Path = tmp_path_factory.mktemp("weights") / "second.safetensors"
    save_file({**state, name: state[name] * 1.001}, file)
    install_file(file, server.home, name="second", family="samlet", title="Second Samlet")
    return "Second Samlet"


def test_an_open_page_follows_its_project_to_another_model_and_keeps_what_is_drawn(
    project: Project, page: Page, second_model: str
) -> None:
    work = AnnotatePage(page, project, "coins.png")
    model = page.get_by_test_id("model")
    expect(model).to_have_text("Samlet")
    page.evaluate("window.opened = 'once'")
    page.mouse.click(*work.at(45, 48))
    expect(work.candidates.first).to_be_visible()

    gallery = page.context.new_page()
    gallery.goto(project.url)
    panel = gallery.get_by_role("region", name="Model")
    panel.get_by_role("combobox").select_option(second_model)
    panel.get_by_role("button", name="Use in this project").click()
    expect(gallery.get_by_test_id("project-model")).to_have_text(second_model)
    gallery.close()

    # What is drawn keeps its model, and is not lost; with it goes the old one.
    expect(model).to_have_text("Samlet")
    expect(work.candidates.first).to_be_visible()
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    expect(model).to_have_text(second_model)
    work.wait_until_ready()
    draw(work, 110, 48)
    expect(work.objects).to_have_count(2)
    work.saved()
    assert page.evaluate("window.opened") == "once"

    # The page opens with the project's model from now on.
    page.reload()
    expect(model).to_have_text(second_model)
    expect(work.objects).to_have_count(2)
