"""Where the decoder runs: on a graphics card, which Chromium emulates here, or on the processor where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Worker, expect

from limner.sam.model import PADDING_LOGIT
from tests.e2e.annotate_page import AnnotatePage, decoder_of
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import launch, new_profile
from tests.e2e.decoder_calls import OPEN, SHOW_WORKER, Answer, ask, relative
from tests.e2e.server import LimnerServer
from tests.e2e.tiny_models import TINY_MODELS, TinyModel

pytestmark = pytest.mark.e2e

EMULATED_CARD = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
COMPILING = 400_000  # ms, at most: a hundred kernels, most of them one after the other
SIZES = ((300, 451), (90, 60))  # of the two images, (height, width); the first is that of cat.png
# Points as fractions of the model's input, their labels, with a mask prompt or without. Few numbers of points: for each
# the runtime has kernels of its own, and compiling them takes most of the time here.
PROMPTS = (
    (((0.3, 0.4), (0, 0)), (1, -1), False),
    (((0.2, 0.1), (0.8, 0.5)), (2, 3), False),
    (((0.3, 0.4), (0.5, 0.2), (0, 0)), (1, 0, -1), False),
    (((0.3, 0.4), (0, 0)), (1, -1), True),
    (((0.4, 0.3), (0.1, 0.1), (0.6, 0.6)), (1, 2, 3), True),
)

COUNT_READS = """() => {
  self.reads = 0;
  const map = GPUBuffer.prototype.mapAsync;
  GPUBuffer.prototype.mapAsync = function (...given) {
    self.reads += 1;
    return map.apply(this, given);
  };
}"""


@pytest.fixture(scope="module")
def with_card(server: LimnerServer, browser: Browser) -> Iterator[BrowserContext]:
    launched = launch(browser.browser_type, *EMULATED_CARD)
    yield new_profile(launched, sign_in_link(server))
    launched.close()


@pytest.fixture(params=TINY_MODELS)
def tiny(request: pytest.FixtureRequest, tmp_path: Path) -> TinyModel:
    return TinyModel(request.param, tmp_path)


def ask_all(page: Page, tiny: TinyModel) -> list[Answer]:
    """Each prompt on each of two images, the second of which takes the place of the first."""
    answers = []
    for seed, (height, width) in enumerate(SIZES):
        page.evaluate(OPEN, list(tiny.embedding(seed, height, width)))
        answers += [ask(page, tiny, prompt) for prompt in PROMPTS]
    return answers


def reads(decoder: Worker) -> int:
    """How often something was read back from the card since it was last asked."""
    count: int = decoder.evaluate("() => { const { reads } = self; self.reads = 0; return reads; }")
    return count


def test_the_card_answers_as_the_processor(with_card: BrowserContext, project: Project, tiny: TinyModel) -> None:
    page = with_card.new_page()
    page.add_init_script(SHOW_WORKER)
    tiny.take_over(page, tiny.embedding(0, *SIZES[0]))
    annotate = AnnotatePage(page, project, "cat.png")
    model = page.get_by_test_id("model")  # its tooltip says where it answers
    expect(model).to_have_attribute("title", re.compile("thread"))
    expected = ask_all(page, tiny)

    page.goto(f"{page.url}?decoder=webgpu")
    expect(model).to_have_attribute("title", re.compile("WebGPU|thread"), timeout=COMPILING)
    annotate.wait_until_ready()
    expect(model).to_have_attribute(
        "title", re.compile("^On the graphics card")
    )  # else it says why the card does not answer
    page.mouse.click(*annotate.at(200, 150))
    expect(annotate.candidates.first).to_be_visible()
    decoder = decoder_of(page)
    found = ask_all(page, tiny)

    for (masks, iou), (right_masks, right_iou) in zip(found, expected, strict=True):
        shown = right_masks != PADDING_LOGIT
        assert (shown == (masks != PADDING_LOGIT)).all()
        assert relative(masks[shown], right_masks[shown]) < 1e-4
        assert ((masks > 0) == (right_masks > 0)).mean() > 0.999
        assert 0.01 < (right_masks[shown] > 0).mean() < 0.99
        assert relative(iou, right_iou) < 1e-4
    # Each prompt and each image has an answer of its own, so that one in place of another would show.
    for index, (masks, _) in enumerate(expected):
        assert all(relative(masks, others) > 1e-3 for others, _ in expected[:index])

    # What is prepared stays on the card: opening an image reads nothing back from there, an answer does.
    decoder.evaluate(COUNT_READS)
    page.evaluate(OPEN, list(tiny.embedding(0, *SIZES[0])))
    assert reads(decoder) == 0
    ask(page, tiny, PROMPTS[0])
    assert reads(decoder) > 0
    page.close()


def test_without_a_card_the_processor_answers_and_it_is_said_why(page: Page, project: Project) -> None:
    annotate = AnnotatePage(page, project, "cat.png")
    model = page.get_by_test_id("model")  # its tooltip says where it answers
    expect(model).to_have_attribute("title", re.compile("thread"))
    expect(model).to_have_attribute("title", re.compile("threads?($|;)"))  # not asked for, so nothing to explain
    address = page.url
    page.goto(f"{address}?decoder=auto")
    annotate.wait_until_ready()
    expect(model).to_have_attribute("title", re.compile("On the processor.*: .*WebGPU"))
    page.goto(f"{address}?decoder=webgpu")
    annotate.wait_until_ready()
    expect(model).to_have_attribute("title", re.compile("On the processor.*: the graphics card failed"))
    page.mouse.click(*annotate.at(200, 150))
    expect(annotate.candidates.first).to_be_visible()
