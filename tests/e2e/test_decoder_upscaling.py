"""With one or two threads the page upscales masks by a kernel of its own: what it answers is what torch answers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from limner.encoding.wire import unpack
from limner.sam.model import PADDING_LOGIT, DecoderPrompt
from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project
from tests.e2e.decoder_calls import OPEN, SHOW_WORKER, ask, mask_prompt, relative
from tests.e2e.tiny_models import TinyModel

pytestmark = pytest.mark.e2e

CORES = 'Object.defineProperty(Navigator.prototype, "hardwareConcurrency", {{ get: () => {cores} }});'
SIZES = ((100, 100), (300, 451), (90, 60), (400, 10))  # (height, width)
MANY = tuple((0.04 * index, 1 - 0.03 * index) for index in range(24))
# Points as fractions of the model's input, their labels, with a mask prompt or without.
PROMPTS = (
    (((0.3, 0.4), (0, 0)), (1, -1), False),
    (((0.2, 0.1), (0.8, 0.5)), (2, 3), False),
    (((0.3, 0.4), (0, 0)), (1, -1), True),
    (((0.4, 0.3), (0.1, 0.1), (0.6, 0.6)), (1, 2, 3), True),
    ((*MANY, (0, 0)), (*(1, 0) * 12, -1), False),
)


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_the_page_answers_as_torch(page: Page, project: Project, tmp_path: Path, cores: int) -> None:
    tiny = TinyModel("sam", tmp_path)
    image_size, side = tiny.manifest.input.image_size, tiny.manifest.masks.low_res_size
    page.add_init_script(SHOW_WORKER)
    page.add_init_script(CORES.format(cores=cores))
    tiny.take_over(page, tiny.embedding(0, *SIZES[0]))
    AnnotatePage(page, project, "cat.png")
    expect(page.get_by_test_id("model")).to_have_attribute("title", re.compile(f"{cores} thread"))
    for seed, (height, width) in enumerate(SIZES):
        embedding = tiny.embedding(seed, height, width)
        page.evaluate(OPEN, list(embedding))
        features = {name: torch.from_numpy(values) for name, values in unpack(embedding)[0].items()}
        for points, labels, has_mask in PROMPTS:
            masks, iou = ask(page, tiny, (points, labels, has_mask))
            prompt = DecoderPrompt(
                image_size * torch.tensor([points], dtype=torch.float32),
                torch.tensor([labels], dtype=torch.float32),
                torch.from_numpy(mask_prompt(side)).float().view(1, 1, side, side),
                torch.tensor([float(has_mask)]),
            )
            with torch.inference_mode():
                right_masks, right_iou = (answer[0].double().numpy() for answer in tiny.model.decode(features, prompt))
            shown = masks != PADDING_LOGIT
            assert _fraction_shown(height, width) <= shown.mean() <= _fraction_shown(height, width) + 0.3
            assert relative(masks[shown], right_masks[shown]) < 1e-4
            assert ((masks > 0) == (right_masks > 0))[shown].mean() > 0.999
            assert relative(iou, right_iou) < 1e-4
            assert np.ptp(masks[shown]) > 0.1  # they say something


def _fraction_shown(height: int, width: int) -> float:
    """Of the model's square, at least."""
    return min(height, width) / max(height, width)
