"""A project's own detector is judged on images that it did not learn from, and compared with a general one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from limner.errors import InvalidFile
from limner.heads.detector import Detector
from limner.heads.files import detector_from, save_detector
from limner.train.detector.choosing import (
    FOLDS,
    TUNING_RATE,
    Choosing,
    Chosen,
    General,
    Judgement,
    best_steps,
    chosen_on_others,
    milestones,
    parts_of,
    trials_of,
    usual_plan,
    with_categories,
)
from limner.train.detector.judging import Answer, Figures, judge
from limner.train.detector.measuring import measure_boxes
from limner.train.detector.training import Plan, Step, train_detector
from limner.vocabulary import rle
from tests.train.detector.squares import CONFIG, Squares

KNOWN = Squares(9)
OBJECTS = dataclasses.replace(CONFIG, categories=0)


def general(steps: int) -> General:
    """A detector that has learned other squares for so many steps."""
    other = Squares(30)
    unseen = other.examples[len(KNOWN.examples) :]
    return General("objects", train_detector(OBJECTS, unseen, other.read, Plan(steps))[0])


def choose(folder: Path, known: General | None, steps: int, stop_at: int | None = None) -> Chosen:
    def on_step(step: Step) -> None:
        if step.done == stop_at:
            raise KeyboardInterrupt

    folder.mkdir(exist_ok=True)
    return Choosing(
        CONFIG, KNOWN.examples, KNOWN.read, known, folder, steps=steps, checkpoint_every=5, on_step=on_step
    ).run()


def same(a: Detector, b: Detector) -> bool:
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def test_an_own_detector_is_better_than_one_that_knows_little_and_begins_with_its_weights(tmp_path: Path) -> None:
    before = general(30)
    chosen = choose(tmp_path, before, 40)
    judged = chosen.judgement
    assert judged is not None
    assert judged.general is not None
    assert (judged.by, judged.own.images, judged.own.objects, judged.name) == ("cross_validation", 9, 18, "objects")
    assert judged.better is True
    assert judged.own.ap > judged.general.ap
    assert chosen.steps == judged.steps
    assert chosen.steps in milestones(40)
    new = Squares(8, held_out=True)
    assert chosen.network.config == CONFIG
    own, other = (measure_boxes(each, new.examples, new.read).ap for each in (chosen.network, before.network))
    assert own > other
    card = judged.on_card()
    assert card is not None
    assert (card.better, card.against, card.ap, card.against_ap) == (True, "objects", judged.own.ap, judged.general.ap)


@pytest.mark.parametrize(("own", "general", "better"), [(0.009, 0.0, False), (0.011, 0.0, True), (0.2, 0.3, False)])
def test_a_detector_that_finds_next_to_nothing_is_not_better(own: float, general: float, better: bool) -> None:
    figures = [Figures(ap=ap, ap50=ap, ar100=ap, recall=ap, objects=8, images=4) for ap in (own, general)]
    judged = Judgement("cross_validation", 1, figures[0], "objects", figures[1])
    card = judged.on_card()
    assert card is not None
    assert (judged.better, card.better) == (better, better)


def test_an_own_detector_that_is_no_better_is_said_to_be_so() -> None:
    own, other = Figures(0.3, 0.5, 0.4, 0.6, 18, 9), Figures(0.3, 0.4, 0.4, 0.6, 18, 9)
    judged = Judgement("cross_validation", 12, own, "objects", other)
    assert judged.better is False
    card = judged.on_card()
    assert card is not None
    assert (card.better, card.images, card.objects) == (False, 9, 18)
    alone = Judgement("held_out", 12, own, None, None)
    assert (alone.better, alone.on_card()) == (None, None)


def test_the_general_detector_is_the_same_after_it_was_begun_with(tmp_path: Path) -> None:
    known = general(3)
    before = {name: value.clone() for name, value in known.network.state_dict().items()}
    choose(tmp_path, known, 8)
    assert all(torch.equal(value, before[name]) for name, value in known.network.state_dict().items())


@pytest.mark.parametrize("stop_at", [3, 21, 35])
def test_a_run_that_was_stopped_comes_to_the_same(tmp_path: Path, stop_at: int) -> None:
    known = general(10)
    whole = choose(tmp_path / "whole", known, 12)
    with pytest.raises(KeyboardInterrupt):
        choose(tmp_path / "stopped", known, 12, stop_at)
    resumed = choose(tmp_path / "stopped", known, 12)
    assert same(whole.network, resumed.network)
    assert whole.judgement == resumed.judgement


def test_what_another_run_left_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    known = general(2)
    choose(tmp_path, known, 8)
    with pytest.raises(InvalidFile, match=r"answers\.json belongs to another run"):
        choose(tmp_path, known, 9)


@pytest.mark.parametrize("other", ["name", "weights"])
def test_a_run_does_not_go_on_with_another_general_detector_than_it_began_with(tmp_path: Path, other: str) -> None:
    known = general(2)
    choose(tmp_path, known, 8)
    again = dataclasses.replace(known, name="things") if other == "name" else general(3)
    with pytest.raises(InvalidFile, match=r"answers\.json belongs to another run") as refused:
        choose(tmp_path, again, 8)
    assert "the same general detector" in str(refused.value.hint)


def test_steps_are_counted_over_all_trials(tmp_path: Path) -> None:
    steps: list[Step] = []
    Choosing(CONFIG, KNOWN.examples, KNOWN.read, general(2), tmp_path, steps=4, on_step=steps.append).run()
    assert [step.done for step in steps] == list(range(1, len(steps) + 1))
    assert steps[0].total == 4 * (FOLDS + 1)
    assert steps[-1].done == steps[-1].total


def test_each_image_is_judged_by_a_network_that_has_not_learned_from_it() -> None:
    learned, few, enough = Squares(10).examples, Squares(3, held_out=True).examples, Squares(15, held_out=True).examples
    assert trials_of(learned, enough, compared=True) == ("held_out", [(learned, enough)])
    by, trials = trials_of(learned, few, compared=True)
    assert (by, len(trials)) == ("cross_validation", FOLDS)
    for others, judged in trials:
        assert not {each.sha256 for each in others} & {each.sha256 for each in judged}
        assert {each.sha256 for each in (*others, *judged)} == {each.sha256 for each in learned}
    assert sorted(each.sha256 for _, judged in trials for each in judged) == sorted(each.sha256 for each in learned)
    assert trials_of(learned, few, compared=False) == ("held_out", [(learned, few)])
    assert trials_of(learned, [], compared=False)[1] == []
    assert trials_of(learned[:1], [], compared=True)[1] == []


def test_the_number_of_steps_is_not_chosen_on_the_images_that_it_is_judged_on() -> None:
    """Steps that are right by chance, each on other images, look like half right when the best is taken on all."""
    mask = np.zeros((20, 20), np.bool_)
    mask[2:10, 2:10] = True
    right, wrong = [Answer(0.9, box=(2.0, 2.0, 10.0, 10.0))], [Answer(0.9, box=(12.0, 12.0, 16.0, 16.0))]
    masks = [[rle.encode(mask)]] * 4
    by_steps = {5: [right, right, wrong, wrong], 10: [wrong, wrong, right, right]}
    parts = [0, 0, 1, 1]
    assert max(judge(answers, masks).ap for answers in by_steps.values()) > 0.2
    assert judge(chosen_on_others(by_steps, masks, parts), masks).ap == 0
    good = {5: [right, wrong, right, wrong], 10: [right] * 4}  # what is best everywhere is what it is
    assert judge(chosen_on_others(good, masks, parts), masks) == judge(good[10], masks)
    assert best_steps(good, masks, range(4)) == 10
    assert best_steps(good, masks, [0, 2]) == 5, "of equals, the fewest"
    assert chosen_on_others(by_steps, masks, [0] * 4) == by_steps[10], "without other images nothing is chosen"


def test_images_that_are_judged_in_one_trial_are_two_parts_and_those_of_several_are_as_many() -> None:
    learned, held_out = Squares(10).examples, Squares(15, held_out=True).examples
    _, (alone,) = trials_of(learned, held_out, compared=True)
    parts = parts_of([alone])
    assert sorted(parts) == [0] * 8 + [1] * 7
    by_sha256 = {each.sha256: part for each, part in zip(held_out, parts, strict=True)}
    assert [by_sha256[sha256] for sha256 in sorted(by_sha256)] == [place % 2 for place in range(15)]
    _, trials = trials_of(learned, [], compared=True)
    assert parts_of(trials) == [part for part in range(FOLDS) for _ in range(2)]


def test_held_out_images_judge_in_two_halves(tmp_path: Path) -> None:
    both = Squares(8)
    held_out = Squares(15, held_out=True)

    def read(sha256: str) -> Mapping[str, NDArray[np.float32]]:
        return (held_out if sha256 in {each.sha256 for each in held_out.examples} else both).read(sha256)

    chosen = Choosing(
        CONFIG, [*both.examples, *held_out.examples], read, general(2), tmp_path, steps=8, checkpoint_every=5
    ).run()
    judged = chosen.judgement
    assert judged is not None
    assert (judged.by, judged.own.images, judged.own.objects) == ("held_out", 15, 30)
    assert chosen.steps == judged.steps


def test_without_a_general_detector_it_is_trained_from_nothing(tmp_path: Path) -> None:
    chosen = choose(tmp_path, None, 3)
    assert chosen.judgement is None
    assert chosen.steps == 3
    assert chosen.network.config == CONFIG
    assert usual_plan(10, None).rate > usual_plan(10, general(1)).rate == TUNING_RATE


def test_categories_that_are_new_leave_boxes_as_they_were() -> None:
    before = general(2).network
    after = with_categories(before, 3)
    example = KNOWN.examples[0]
    features = {name: torch.from_numpy(value) for name, value in KNOWN.read(example.sha256).items()}
    with torch.inference_mode():
        old, new = before(features), after.eval()(features)
    assert new.categories.shape[-1] == 3
    assert torch.allclose(new.boxes, old.boxes)
    assert torch.allclose(new.objectness, old.objectness)


def test_a_chosen_detector_is_written_and_read_again(tmp_path: Path) -> None:
    chosen = choose(tmp_path, general(2), 2)
    save_detector(chosen.network, tmp_path / "weights.safetensors")
    assert detector_from(tmp_path / "weights.safetensors", CONFIG).config.categories == CONFIG.categories
