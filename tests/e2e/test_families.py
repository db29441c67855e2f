"""Every family in the page, with seeded weights, in one project after another and without a restart of the server.

Of families with several sizes one is enough: they differ in numbers only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from limner.encoding.wire import EmbeddingInfo, unpack
from limner.models.install import install_file
from limner.models.registry import build_model, load_model
from limner.sam.model import DecoderPrompt, PromptableModel
from limner.vocabulary import rle
from limner.vocabulary.geometry import upsample_logits
from limner.vocabulary.prompts import Prompts, choose_mask
from tests.e2e.annotate_page import AnnotatePage, iou
from tests.e2e.api import Project
from tests.e2e.server import LimnerServer
from tests.sam.reference import lively

pytestmark = pytest.mark.e2e


# Family -> seed with which its masks are neither nothing nor everything.
SEEDS = {"sam2_1_tiny": 1, "efficientvit_sam_l0": 1, "mobile_sam": 2, "sam_vit_b": 1}
# ms. A project changes over once its photos are encoded: with SAM ViT-B that is 12 s of a whole core, in a process that
# gives way to all others, so that minutes pass where other programs want the cores.
ENCODED = 900_000


@pytest.fixture(scope="module", params=SEEDS)
def seeded(request: pytest.FixtureRequest, server: LimnerServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint in the form of the published ones, installed while the server runs; its name and title."""
    family: str = request.param
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEEDS[family])
        model = build_model(family)
        lively(model)
    file: Path = tmp_path_factory.mktemp("weights") / "published.pt"
    torch.save({"model": model.state_dict()}, file)
    name = f"seeded_{family}"
    install_file(file, server.home, name=name, title=name)
    return name


def use(page: Page, project: Project, model: str) -> None:
    """Have the project use another model, in its gallery."""
    gallery = page.context.new_page()
    gallery.goto(project.url)
    panel = gallery.get_by_role("region", name="Model")
    panel.get_by_role("combobox").select_option(model)
    panel.get_by_role("button", name="Use in this project").click()
    expect(gallery.get_by_test_id("project-model")).to_have_text(model, timeout=ENCODED)
    gallery.close()


def check(annotation: dict[str, Any], features: dict[str, Any], info: EmbeddingInfo, model: PromptableModel) -> None:
    """The annotation's mask and rating are those that torch makes of its prompts."""
    geometry = model.config.geometry(info.image_height, info.image_width)
    made = annotation["provenance"]
    points = made["prompts"]["points"]
    prompts = Prompts(tuple((x, y) for x, y, _ in points), tuple(label for *_, label in points))
    coords, labels = map(torch.from_numpy, prompts.model_inputs(geometry, model.config.prompts.padding))
    named = {name: torch.from_numpy(values) for name, values in features.items()}
    with torch.inference_mode():
        masks, ratings = model.decode(named, DecoderPrompt.of_points(coords, labels, model.config.low_res_size))
    chosen = choose_mask(ratings[0].numpy(), prompts, model.config.masks)
    assert made["mask_index"] == chosen
    assert "tidied" not in made
    assert made["predicted_iou"] == pytest.approx(float(ratings[0, chosen]), rel=1e-4)
    expected = upsample_logits(masks[0, chosen].numpy(), geometry) > 0
    assert 0.01 < np.mean(expected) < 0.99
    assert iou(rle.decode(annotation["segmentation"]), expected) > 0.999


def test_a_photo_is_segmented_exactly_as_torch_does(
    project: Project, page: Page, server: LimnerServer, seeded: str
) -> None:
    work = AnnotatePage(page, project, "cat.png")
    model = page.get_by_test_id("model")
    expect(model).to_have_text("Samlet")
    use(page, project, seeded)
    expect(model).to_have_text(seeded)
    work.wait_until_ready()
    # A cell more or less on the way between two parts decides about both: as the model answers is what can be compared.
    page.keyboard.press("Shift+T")
    expect(page.get_by_text("Masks of clicks are as the model answers them.")).to_be_visible()
    image_id = re.search(r"/images/(\d+)", page.url)[1]
    image = f"{server.address}/api/v1/images/{image_id}"
    # As the page gets it.
    features, info = unpack(page.request.get(f"{image}/embedding?dtype=packed").body())
    for points in (((200, 150),), ((120, 100), (300, 220))):
        for x, y in points:
            page.mouse.click(*work.at(x, y))
        combined = page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("Best fit"))
        expect(combined).to_have_count(len(points) - 1)  # the mask for clear prompts is offered where there are several
        expect(work.candidates).to_have_count(3)
        page.keyboard.press("Enter")
        expect(work.objects).to_have_count(1)
        work.saved()
        (annotation,) = page.request.get(f"{image}/annotations").json()["annotations"]
        check(annotation, features, info, load_model(seeded, server.home).model)
        # The mask of seeded weights is all over the image: the next click would choose it.
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        expect(work.objects).to_have_count(0)

    page.keyboard.press("Shift+T")  # the tests of a file share a profile
    expect(page.get_by_text("Masks of clicks are tidied")).to_be_visible()

    # Back to another family, on the page that is open.
    use(page, project, "Samlet")
    expect(model).to_have_text("Samlet")
    work.wait_until_ready()
    page.mouse.click(*work.at(200, 150))
    expect(work.candidates.first).to_be_visible()
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.saved()
