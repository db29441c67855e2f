"""The scripted annotator costs what the cost model says, and learning sees only what it kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from limner.bench.engine.annotator import (
    Annotated,
    OpenImage,
    Suggested,
    Wish,
    brush,
    by_hand,
    prefilled,
    verified,
)
from limner.bench.engine.cost import Brushing, Cost, with_changes
from limner.bench.engine.domains import open_domain, write_scenes
from limner.bench.engine.figures import stage_figures, table
from limner.bench.engine.learning import Collected, Recipe, learn_model
from limner.bench.engine.running import Plan, run_domain
from limner.cli.bench import bench
from limner.errors import InvalidFile, InvalidInput
from limner.models import registry
from limner.models.registry import LoadedModel
from limner.sam.samlet import Samlet
from limner.segment.predictor import Predictor
from limner.train.evaluation import mask_iou
from limner.train.photos import find_photos
from limner.vocabulary.prompts import Box, Prompts
from tests.tiny_samlet import TINY_SAMLET
from tests.train.helpers import two_squares, write_photo

Mask = NDArray[np.bool_]
COST = Cost(first_click=1, further_click=10, verdict=100, outline=1000, flat_brush=5000)


class Obedient(OpenImage):
    """Answers each prompt with the next of the given masks; the last one again and again."""

    def __init__(self, answers: list[Mask]) -> None:
        self.answers = answers
        self.asked: list[int] = []
        self.given: list[Mask | None] = []  # masks that came with the clicks
        self.asked_boxes: list[Box | None] = []  # likewise

    def mask_prompt(self, mask: Mask) -> NDArray[np.float32]:
        return mask.astype(np.float32)

    def answer(self, prompts: Prompts, previous: NDArray[np.float32] | None) -> tuple[Mask, NDArray[np.float32]]:
        assert prompts.has_mask == (previous is not None)
        self.asked.append(len(prompts.points))
        self.asked_boxes.append(prompts.box)
        self.given.append(None if previous is None else previous > 0)
        return self.answers[min(len(self.asked), len(self.answers)) - 1], np.zeros((4, 4), np.float32)


def _box(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros((40, 60), bool)
    mask[y0:y1, x0:x1] = True
    return mask


WANTED = _box(10, 10, 30, 30)


def test_a_mask_that_one_click_gives_costs_a_first_click_and_a_verdict() -> None:
    result = by_hand(Obedient([WANTED]), [WANTED], Wish(0.9, clicks=3), COST)
    (kept,) = result.kept
    assert (kept.clicks, kept.brushed, kept.iou, result.seconds) == (1, False, 1.0, 101)


def test_clicks_go_on_until_the_mask_is_good_enough() -> None:
    subject = Obedient([_box(10, 10, 20, 30), _box(10, 10, 28, 30), WANTED])
    result = by_hand(subject, [WANTED], Wish(0.9, clicks=6), COST)
    assert subject.asked == [1, 2]
    assert (result.kept[0].clicks, result.kept[0].brushed, result.seconds) == (2, False, 111)
    assert result.kept[0].iou == pytest.approx(0.9)


def test_where_clicks_are_not_enough_the_brush_finishes_and_is_paid_by_the_outline_it_goes_along() -> None:
    half = _box(10, 10, 20, 30)
    result = by_hand(Obedient([half]), [WANTED], Wish(0.9, clicks=3), COST)
    (kept,) = result.kept
    assert (kept.clicks, kept.brushed, kept.brushing.strokes) == (3, True, 1)
    assert kept.brushing.outline == pytest.approx((10 + 20 + 10) / 76, abs=0.03), "the right half of a square of 20"
    assert result.seconds == pytest.approx(121 + 1000 * kept.brushing.outline)
    assert result.flat_seconds == 121 + 5000
    assert kept.iou == mask_iou(kept.mask, WANTED) == 1


def test_the_brush_corrects_the_largest_error_first_and_no_more_than_is_needed() -> None:
    rough = WANTED | _box(40, 0, 60, 20) | _box(0, 35, 3, 38)
    mended, brushing = brush(rough, WANTED, 0.9)
    assert not mended[:20, 40:].any()
    assert mended[35:38, :3].all(), "it is good enough with the small one"
    assert rough[:20, 40:].all(), "the mask that was given stays as it is"
    assert brushing == Brushing(outline=0.0, strokes=1), "what was wrong lies apart from the object"
    assert COST.brushing(brushing) == COST.further_click, "a stroke takes as long as a click at least"
    assert brush(mended, WANTED, 0.9)[1] == Brushing(), "nothing to do"


def test_clicks_that_make_a_mask_worse_are_taken_back() -> None:
    better, worse = _box(10, 10, 26, 30), _box(10, 10, 14, 30)
    result = by_hand(Obedient([better, worse]), [WANTED], Wish(0.9, clicks=2), COST)
    assert result.kept[0].brushing.strokes == 1
    assert result.kept[0].brushing.outline == pytest.approx((4 + 20 + 4) / 76, abs=0.03), "from the better one on"


def test_a_suggestion_that_is_nearly_right_is_corrected_by_clicks_with_its_mask_besides() -> None:
    nearly = _box(10, 10, 30, 26)
    subject = Obedient([WANTED])
    result = prefilled(subject, [Suggested(nearly, 0.9)], [WANTED], Wish(0.9), COST)
    (kept,) = result.kept
    assert (kept.suggested, kept.corrected, kept.clicks, kept.iou) == (True, True, 1, 1.0)
    assert result.seconds == result.flat_seconds == 100 + 10 + 100, "taking it, a click, looking at what came of it"
    assert [each.accepted for each in result.decisions] == [True]
    assert subject.asked == [1]
    given = subject.given[0]
    assert given is not None
    assert np.array_equal(given, nearly)
    figures = stage_figures("prefilled", [result])
    assert (figures.accepted, figures.corrected, figures.refused) == (1, 1, 0)
    box = (10.0, 10.0, 30.0, 26.0)
    by_box = Obedient([WANTED])
    prefilled(by_box, [Suggested(nearly, 0.9, box)], [WANTED], Wish(0.9), COST)
    assert (by_box.asked_boxes, by_box.given) == ([box], [None]), (
        "of a box that was asked for the clicks are added to it"
    )


def test_a_suggestion_that_is_far_off_is_refused_and_the_object_drawn() -> None:
    far = _box(10, 10, 30, 20)  # IoU .5
    subject = Obedient([WANTED])
    result = prefilled(subject, [Suggested(far, 0.9)], [WANTED], Wish(0.9, correctable=0.7), COST)
    assert [each.accepted for each in result.decisions] == [False]
    assert (subject.given, result.kept[0].suggested, result.seconds) == ([None], False, 100 + 101)
    with_less = prefilled(Obedient([WANTED]), [Suggested(far, 0.9)], [WANTED], Wish(0.9, correctable=0.5), COST)
    assert with_less.kept[0].corrected
    only_verified = verified([Suggested(far, 0.9)], [WANTED], Wish(0.9, correctable=0.5), COST)
    assert [each.accepted for each in only_verified.decisions] == [False], "nothing is corrected where all is verified"


def test_verifying_pays_a_verdict_for_each_suggestion_and_draws_nothing() -> None:
    other = _box(40, 5, 55, 20)
    suggestions = [Suggested(_box(0, 0, 8, 8), 0.9), Suggested(WANTED, 0.8), Suggested(other, 0.2)]
    result = verified(suggestions, [WANTED, other], Wish(0.9, threshold=0.5), COST)
    assert [(each.score, each.accepted) for each in result.decisions] == [(0.9, False), (0.8, True)]
    assert (len(result.kept), result.seconds, result.kept[0].clicks) == (1, 200, 0)


def test_a_suggestion_like_a_mask_that_was_kept_is_hidden_and_costs_nothing() -> None:
    twice = [Suggested(WANTED, 0.9), Suggested(_box(10, 10, 30, 29), 0.8)]
    result = verified(twice, [WANTED], Wish(0.9, threshold=0), COST)
    assert (len(result.decisions), result.seconds) == (1, 100)


def test_prefilled_what_is_not_suggested_is_drawn() -> None:
    other = _box(40, 5, 55, 20)
    result = prefilled(Obedient([other]), [Suggested(WANTED, 0.9)], [WANTED, other], Wish(0.9), COST)
    assert [each.clicks for each in result.kept] == [0, 1]
    assert result.seconds == 100 + 101
    figures = stage_figures("prefilled", [result, Annotated(objects=0)])
    assert (figures.images, figures.objects, figures.masks, figures.masks_per_image) == (2, 2, 2, 1.0)
    assert (figures.seconds_per_mask, figures.seconds_per_image, figures.clicks_per_mask) == (100.5, 100.5, 0.5)
    assert (figures.accepted, figures.refused, figures.miou) == (1, 0, 1.0)


def test_costs_are_changed_by_name_and_anything_else_is_named() -> None:
    assert with_changes(["verdict=0.5", "outline=20"]) == Cost(verdict=0.5, outline=20)
    for wrong in ("look=1", "verdict", "verdict=fast", "verdict=-1", "outline=nan"):
        with pytest.raises(InvalidInput, match=wrong):
            with_changes([wrong])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("squares")
    for shade in range(20):
        write_photo(folder, f"p{shade}", shade=shade)
    return folder


@pytest.fixture
def tiny() -> LoadedModel:
    torch.manual_seed(0)
    return LoadedModel(Samlet(TINY_SAMLET).eval(), "tiny", "0" * 64)


def test_nothing_is_learned_from_what_is_measured_on_and_held_out_photos_come_first(photos: Path) -> None:
    domain = open_domain("squares", photos, rounds=2, images=4, measured=5, most=9)
    learned = {photo.sha256 for part in domain.rounds for photo in part}
    held_out = {photo.sha256 for photo in find_photos([photos]) if photo.held_out}
    measured = [photo.sha256 for photo in domain.measured]
    assert [len(part) for part in domain.rounds] == [4, 4]
    assert len(learned) == 8
    assert held_out, "one in ten, by the hash of their bytes"
    assert set(measured[: len(held_out)]) == held_out
    assert not learned & {*measured, *held_out}
    with pytest.raises(InvalidInput, match="20 photos with 1 to 9 masks, and 25 are needed"):
        open_domain("squares", photos, rounds=2, images=10, measured=5, most=9)
    with pytest.raises(InvalidInput, match="0 photos with 1 to 1 mask, and"):
        open_domain("squares", photos, rounds=1, images=1, measured=1, most=1)


def test_a_suggestion_inside_or_around_a_mask_that_was_kept_is_not_looked_at() -> None:
    part, around, beside = _box(12, 12, 28, 28), _box(8, 8, 31, 31), _box(25, 10, 45, 30)
    suggestions = [Suggested(WANTED, 0.9), Suggested(part, 0.8), Suggested(around, 0.7), Suggested(beside, 0.6)]
    result = verified(suggestions, [WANTED], Wish(0.9, clicks=3), COST)
    assert [each.accepted for each in result.decisions] == [True, False]
    assert result.seconds == 200


def test_generated_scenes_are_the_same_photos_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_scenes(tmp_path / name, learned=2, measured=2)
    first, second = (find_photos([tmp_path / name]) for name in ("a", "b"))
    assert [photo.sha256 for photo in first] == [photo.sha256 for photo in second]
    assert [photo.segmentations for photo in first] == [photo.segmentations for photo in second]
    assert len(open_domain("scenes", tmp_path / "a", 1, 2, 2, 1000).measured) == 2


def test_a_domain_is_annotated_learned_and_measured_round_by_round(
    photos: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    domain = open_domain("squares", photos, rounds=2, images=3, measured=3, most=9)
    plan = Plan(Wish(0.85, clicks=2, threshold=0.0), COST, Recipe(detector_steps=2, model_steps=2, views=1))
    said: list[str] = []
    figures = run_domain(tiny, None, domain, plan, tmp_path, said.append)
    json.dumps(figures)
    assert [state["state"] for state in figures["states"]] == [
        "as installed",
        "round 1, detector",
        "round 1, and model",
        "round 2, detector",
        "round 2, and model",
    ]
    first, *others = figures["states"]
    assert [each["stage"] for each in first["stages"]] == ["by hand"], "no detector fits this model"
    for state in others:
        hand, filled, verify = state["stages"]
        assert (hand["stage"], filled["stage"], verify["stage"]) == ("by hand", "prefilled", "verified")
        assert hand["masks"] == filled["masks"] == hand["objects"] == 6, "two of each photo"
        assert verify["masks"] == verify["accepted"] == filled["accepted"] - filled["corrected"]
        assert min(hand["miou"], filled["miou"]) >= 0.85
        assert 0 <= state["detector"]["boxes"]["recall"] <= 1
    assert [each["photos"] for each in figures["rounds"]] == [3, 6]
    assert [each["masks"] for each in figures["rounds"]] == [6, 12]
    assert figures["rounds"][0]["collecting"]["stage"] == "by hand"
    assert figures["rounds"][1]["comparison"]["masks"] == 6
    assert "round 2, and model" in table(figures)
    assert len(said) == 13


def test_learning_sees_the_masks_that_were_kept_and_leaves_the_model_as_it_was(
    photos: Path, tiny: LoadedModel, tmp_path: Path
) -> None:
    domain = open_domain("squares", photos, rounds=1, images=2, measured=1, most=9)
    kept = two_squares()[1][0]
    kept[8:12] = False
    before = {name: value.clone() for name, value in tiny.model.state_dict().items()}
    collected = [Collected(photo, [kept, np.zeros_like(kept)]) for photo in domain.rounds[0]]
    tuned, seconds = learn_model(tiny, collected, tmp_path / "round", Recipe(model_steps=3, views=1, rate=0.01))
    written = find_photos([tmp_path / "round" / "photos"])
    assert {photo.sha256 for photo in written} == {photo.sha256 for photo in domain.rounds[0]}
    assert all(len(photo.masks()) == 1 and np.array_equal(photo.masks()[0], kept) for photo in written)
    assert seconds > 0
    assert all(torch.equal(value, before[name]) for name, value in tiny.model.state_dict().items())
    changed = {
        name for name, value in tuned.model.state_dict().items() if not torch.allclose(value, before[name], atol=1e-3)
    }
    assert changed
    encoder = f"{tiny.model.encoder_name}."
    assert not any(name.startswith(encoder) for name in changed), "the decoder alone learns: embeddings stay valid"
    image = domain.measured[0].image()
    embedding = Predictor(tiny).embed(image)
    again = Predictor(tuned).embed(image)
    for name, values in embedding.features.items():
        assert torch.allclose(values, again.features[name], atol=0.05), "the weights were kept in 16 bits"


def test_the_command_writes_after_each_domain_and_goes_on_with_the_others(
    photos: Path, tiny: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "load_model", lambda name, home: tiny)
    path = tmp_path / "figures.json"
    options = ["--rounds", "1", "--images", "2", "--measure", "1", "--detector-steps", "1", "--model-steps", "0"]
    options += ["--clicks", "1", "--json", str(path)]
    first = CliRunner().invoke(bench, ["engine", "--domain", f"a={photos}", *options], catch_exceptions=False)
    assert first.exit_code == 0
    assert "by hand" in first.output
    both = ["engine", "--domain", f"a={photos}", "--domain", f"b={photos}", *options, "--resume"]
    second = CliRunner().invoke(bench, both, catch_exceptions=False)
    assert "a:" not in second.output, "it was done"
    content = json.loads(path.read_text("utf-8"))
    assert [each["domain"] for each in content["domains"]] == ["a", "b"]
    assert content["settings"]["plan"]["cost"]["outline"] == 79.2
    with pytest.raises(InvalidFile, match="other settings: plan"):
        CliRunner().invoke(bench, [*both, "--cost", "outline=20"], catch_exceptions=False)
    path.write_text("{}")
    with pytest.raises(InvalidFile, match="no file of limner bench engine"):
        CliRunner().invoke(bench, both, catch_exceptions=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--domain", "photos"], "is no domain"),
        (["--domain", "a=/nowhere"], "There is no folder /nowhere"),
        (["--resume"], "--resume needs the file"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_encoded(
    options: list[str], message: str, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "load_model", lambda name, home: tiny)
    with pytest.raises(InvalidInput, match=message):
        CliRunner().invoke(bench, ["engine", *options], catch_exceptions=False)
