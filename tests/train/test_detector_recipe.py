"""Detectors of no project: made as a recipe says, by which the one that ships can be made again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from limner.cli import detector_recipe
from limner.cli.detector import detector
from limner.errors import InvalidFile, InvalidInput
from limner.heads.files import load_detector
from limner.models.catalogue import data_folder, find_model, sha256_of
from limner.models.detectors import DetectorCard, InstalledDetector, find_detector
from limner.models.registry import model_config
from limner.segment.predictor import Predictor
from limner.train.detector.examples import digest_of
from limner.train.detector.recipe import EncodedPhotos, balanced, examples_of, read_recipe
from limner.train.photos import find_photos
from limner.train.stopping import StopRequest
from tests.train.helpers import write_photo

SAMLET = model_config("samlet")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for shade in range(12):
        write_photo(folder, f"p{shade}", source="books" if shade < 9 else "food", shade=shade)
    return folder


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(detector_recipe.os, "nice", lambda niceness: 0)  # the other tests go on after this one
    sha256 = find_model("samlet", tmp_path / "home").card.weights_sha256
    path = tmp_path / "recipe.toml"
    lines = ['name = "made"', 'sources = "squares"', 'model = "samlet"', f'model_sha256 = "{sha256}"', "steps = 3"]
    path.write_text("\n".join([*lines, "widths = [8, 8, 8, 8]", "head = 8", "balance = 0.5"]))
    return path


def run(*arguments: object) -> str:
    return CliRunner().invoke(detector, ["make", *map(str, arguments)], catch_exceptions=False).output


def test_a_detector_is_made_of_photos_and_says_what_of(tmp_path: Path, photos: Path, recipe: Path) -> None:
    out = tmp_path / "run"
    output = run(recipe, "--on", photos, "--out", out, "--home", tmp_path / "home")
    learned = [each for each in examples_of(find_photos([photos]), SAMLET) if not each.held_out]
    assert f"{len(learned)} photos with {2 * len(learned)} masks, examples_sha256 = {digest_of(learned)}" in output
    card = DetectorCard.model_validate_json((out / "made" / "detector.json").read_bytes())
    assert (card.name, card.model, card.project_id, card.project) == ("made", "samlet", None, "squares")
    assert (card.steps, card.widths, card.head, card.images) == (3, (8, 8, 8, 8), 8, len(learned))
    assert card.weights_sha256 == sha256_of(out / "made" / "weights.safetensors")
    load_detector(InstalledDetector(card, out / "made", bundled=False))
    with pytest.raises(InvalidInput, match="is there already"):
        run(recipe, "--on", photos, "--out", out, "--home", tmp_path / "home")


def test_embeddings_that_are_kept_are_those_of_the_photo(tmp_path: Path, photos: Path) -> None:
    predictor = Predictor("samlet", home=tmp_path / "home")
    kept = EncodedPhotos(tmp_path / "embeddings", predictor)
    first, second = find_photos([photos])[:2]
    for photo in (first, second):
        kept.add(photo)
    for photo in (first, second):
        features = predictor.embed(photo.image()).features
        found = kept.read(photo.sha256)
        assert set(found) == set(features)
        for name, values in features.items():
            np.testing.assert_array_equal(found[name], values.numpy().astype(np.float16).astype(np.float32))


def test_a_run_that_is_stopped_goes_on_and_ends_with_the_same_weights(
    tmp_path: Path, photos: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = ["--on", photos, "--home", tmp_path / "home"]
    run(recipe, *places, "--out", tmp_path / "whole")
    heeded: list[None] = []

    def stop_after_a_step(self: StopRequest) -> None:
        heeded.append(None)
        if len(heeded) > 12:  # photos are encoded first
            raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(StopRequest, "heed", stop_after_a_step)
        result = CliRunner().invoke(detector, ["make", str(recipe), *map(str, places), "--out", str(tmp_path / "cut")])
    assert result.exit_code == 1
    assert (tmp_path / "cut" / "detector.pt").is_file()
    assert not (tmp_path / "cut" / "made").exists()
    run(recipe, *places, "--out", tmp_path / "cut", "--resume")
    whole, cut = (sha256_of(tmp_path / name / "made" / "weights.safetensors") for name in ("whole", "cut"))
    assert whole == cut
    assert not (tmp_path / "cut" / "detector.pt").exists()


def test_another_model_and_other_masks_than_the_recipe_names_are_refused(
    tmp_path: Path, photos: Path, recipe: Path
) -> None:
    places = ["--on", photos, "--out", tmp_path / "run", "--home", tmp_path / "home"]
    words = recipe.read_text()
    recipe.write_text(words + f'\nexamples_sha256 = "{"0" * 64}"\n')
    with pytest.raises(InvalidFile, match="other photos or masks"):
        run(recipe, *places)
    recipe.write_text(words.replace('model_sha256 = "', 'model_sha256 = "0'))
    with pytest.raises(InvalidFile, match="The recipe is for samlet with the weights 0"):
        run(recipe, *places)
    assert not (tmp_path / "run").exists()


def test_sources_are_drawn_in_proportion_to_the_root_of_their_photos_times_their_weight(photos: Path) -> None:
    examples = examples_of(find_photos([photos]), SAMLET)
    assert Counter(each.source for each in balanced(examples, 1.0, {}, 0)) == {"books": 9, "food": 3}
    assert Counter(each.source for each in balanced(examples, 0.0, {}, 0)) == {"books": 6, "food": 6}
    weighted = balanced(examples, 0.0, {"food": 2.0}, 0)
    assert Counter(each.source for each in weighted) == {"books": 4, "food": 8}
    times = Counter(each.sha256 for each in weighted if each.source == "food")
    assert sorted(times.values()) == [2, 3, 3], "each about as often as the others"
    assert [each.sha256 for each in weighted] == [each.sha256 for each in balanced(examples, 0.0, {"food": 2.0}, 0)]
    with pytest.raises(InvalidFile, match="no photos of toys"):
        balanced(examples, 1.0, {"toys": 1.0}, 0)


def test_the_recipe_of_the_detector_that_ships_fits_its_card(tmp_path: Path) -> None:
    recipe = read_recipe(data_folder() / "detectors" / "objects" / "recipe.toml")
    card = find_detector(tmp_path, "objects").card
    assert (recipe.name, recipe.model, recipe.model_sha256) == (card.name, card.model, card.model_sha256)
    assert (recipe.steps, recipe.seed, recipe.widths, recipe.head) == (card.steps, card.seed, card.widths, card.head)
    assert recipe.sources == card.project
    assert recipe.model_sha256 == find_model("samlet", tmp_path).card.weights_sha256


@pytest.mark.parametrize("wrong", ["steps = 0", "balance = 2.0", "weights = {a = -1.0}", "colour = 1"])
def test_a_recipe_that_makes_no_sense_is_refused(recipe: Path, wrong: str) -> None:
    key = wrong.split()[0]
    kept = [line for line in recipe.read_text().splitlines() if not line.startswith(key)]
    recipe.write_text("\n".join([*kept, wrong]))
    with pytest.raises(InvalidFile):
        read_recipe(recipe)
