"""``limner segment`` with Samlet: the same mask as the predictor, and plain words when it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw

from limner.cli import cli
from limner.errors import ImageTooLarge, InvalidImage, InvalidInput, InvalidPrompt, LimnerError, MissingWeights
from limner.segment.predictor import Predictor
from limner.vocabulary import rle
from limner.vocabulary.geometry import upsample_logits
from limner.vocabulary.prompts import Prompts, choose_mask
from limner.vocabulary.tidying import tidy_logits

HEIGHT, WIDTH = 90, 120


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A blue disc on sand."""
    monkeypatch.setenv("LIMNER_HOME", str(tmp_path / "home"))
    image = Image.new("RGB", (WIDTH, HEIGHT), (220, 200, 160))
    ImageDraw.Draw(image).ellipse((35, 20, 85, 70), fill=(20, 40, 150))
    image.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def run(photo: Path, *arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["segment", str(photo), *map(str, arguments)])
    if isinstance(result.exception, LimnerError):
        raise result.exception
    return result


def facts(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_click_gives_the_predictors_mask(photo: Path, tmp_path: Path) -> None:
    found = facts(run(photo, "--point", "60,45", "--out", tmp_path / "mask.png", "--json"))
    mask = rle.decode(rle.validate(found["segmentation"], (HEIGHT, WIDTH)))
    assert (np.asarray(Image.open(tmp_path / "mask.png")) == mask).all()
    assert found["area"] == mask.sum()

    predictor = Predictor("samlet", home=tmp_path / "home")
    embedding = predictor.embed(np.asarray(Image.open(photo)))
    prompts = Prompts(points=((60.0, 45.0),), labels=(1,))
    low_res, scores = predictor.decode(embedding, prompts)
    index = choose_mask(scores[0].numpy(), prompts)
    assert found["mask_index"] == index
    assert found["predicted_iou"] == pytest.approx(float(scores[0, index]))
    assert (mask == (upsample_logits(low_res[0, index].numpy(), embedding.geometry) > 0)).all()  # it was tidy already


def test_masks_are_tidied_unless_somebody_does_not_want_it(photo: Path, tmp_path: Path) -> None:
    image = Image.open(photo)
    for more in ((5, 5, 30, 30), (90, 55, 115, 80)):  # some answer to a click on one has more of them
        ImageDraw.Draw(image).ellipse(more, fill=(20, 40, 150))
    image.save(photo)
    predictor = Predictor("samlet", home=tmp_path / "home")
    embedding = predictor.embed(np.asarray(image))
    prompts = Prompts(points=((60.0, 45.0),), labels=(1,))
    answers = predictor.decode(embedding, prompts)[0][0].numpy()
    raw = upsample_logits(answers, embedding.geometry) > 0
    tidied = np.stack(
        [upsample_logits(tidy_logits(each, embedding.geometry, prompts), embedding.geometry) > 0 for each in answers]
    )
    candidate = int((raw != tidied).sum(axis=(1, 2)).argmax())
    assert (raw[candidate] != tidied[candidate]).any()
    for options, expected in ((), tidied), (("--tidy",), tidied), (("--no-tidy",), raw):
        found = facts(run(photo, "--point", "60,45", "--candidate", str(candidate), *options, "--json"))
        assert (rle.decode(found["segmentation"]) == expected[candidate]).all()
        assert found["tidied"] == (expected is tidied)


def test_a_region_is_what_the_predictor_sees_of_it(photo: Path, tmp_path: Path) -> None:
    found = facts(run(photo, "--point", "60,45", "--region", "30,15,60,60", "--json"))
    mask = rle.decode(rle.validate(found["segmentation"], (HEIGHT, WIDTH)))
    pixels = np.asarray(Image.open(photo))[15:75, 30:90]
    predictor = Predictor("samlet", home=tmp_path / "home")
    embedding = predictor.embed(np.ascontiguousarray(pixels))
    prompts = Prompts(points=((30.0, 30.0),), labels=(1,))
    low_res, scores = predictor.decode(embedding, prompts)
    expected = upsample_logits(low_res[0, choose_mask(scores[0].numpy(), prompts)].numpy(), embedding.geometry) > 0
    assert (mask[15:75, 30:90] == expected).all()
    assert mask.sum() == expected.sum() > 0
    with pytest.raises(InvalidInput, match="does not lie in the image"):
        run(photo, "--point", "60,45", "--region", "100,15,60,60", "--json")


def test_all_kinds_of_prompts(photo: Path, tmp_path: Path) -> None:
    disc = np.asarray(Image.open(photo))[..., 2] == 150
    boxed = facts(run(photo, "--box", "35,20,86,71", "--json"))
    assert boxed["mask_index"] == 0
    mask = rle.decode(boxed["segmentation"])
    assert (mask & disc).sum() / (mask | disc).sum() > 0.7
    several = facts(run(photo, "--point", "60,45,1", "--point", "5,5,0", "--candidate", "3", "--json"))
    assert several["mask_index"] == 3
    Image.fromarray(disc).save(tmp_path / "disc.png")
    assert facts(run(photo, "--mask", tmp_path / "disc.png", "--json"))["mask_index"] == 0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--json"], InvalidPrompt, "--point X,Y"),
        (["--point", "500,10", "--json"], InvalidPrompt, "120 pixels wide"),
        (["--point", "-1,10", "--json"], InvalidPrompt, "outside"),
        (["--point", "nan,10", "--json"], InvalidPrompt, "not finite"),
        (["--box", "50,50,20,60", "--json"], InvalidPrompt, "x0 < x1"),
        (["--point", "5,5", "--model", "sam_vit_b", "--json"], MissingWeights, "limner models pull sam_vit_b"),
        (["--point", "5,5", "--model", "unheard-of", "--json"], MissingWeights, "samlet"),
        (["--point", "5,5", "--candidate", "4", "--json"], InvalidInput, "0 to 3"),
    ],
)
def test_bad_prompts_and_models_are_named(
    photo: Path, arguments: list[str], error: type[LimnerError], words: str
) -> None:
    with pytest.raises(error) as caught:
        run(photo, *arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--point", "5", "--json"], "X,Y"),
        (["--point", "5,x", "--json"], "X,Y"),
        (["--point", "5,5,2", "--json"], "neither 1"),
        (["--box", "1,2,3", "--json"], "X0,Y0,X1,Y1"),
        (["--point", "5,5"], "--out FILE or --json"),
    ],
)
def test_misspelt_options_are_explained(photo: Path, arguments: list[str], words: str) -> None:
    result = run(photo, *arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_bad_images_are_named(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(InvalidImage, match="not an image"):
        run(tmp_path / "text.jpg", "--point", "5,5", "--json")
    monkeypatch.setenv("LIMNER_MAX_PIXELS", "100")
    with pytest.raises(ImageTooLarge):
        run(photo, "--point", "5,5", "--json")


def test_a_mask_of_another_size_is_refused(photo: Path, tmp_path: Path) -> None:
    Image.new("1", (10, 20)).save(tmp_path / "small.png")
    with pytest.raises(InvalidPrompt, match="height 20 and width 10"):
        run(photo, "--mask", tmp_path / "small.png", "--json")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_named(photo: Path) -> None:
    with pytest.raises(InvalidInput, match="no CUDA device"):
        run(photo, "--point", "5,5", "--device", "cuda", "--json")
