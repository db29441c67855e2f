"""``limner detector``: from a project's masks and stored embeddings to a folder that can be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from limner.blobs import BlobStore, embedding_key
from limner.cli import detector as module
from limner.cli.detector import detector
from limner.config import Settings
from limner.encoding.wire import EmbeddingInfo, pack
from limner.errors import InvalidFile, InvalidInput, MissingWeights, WrongWeights
from limner.heads.files import load_detector
from limner.models.catalogue import find_model, sha256_of
from limner.models.detectors import choose_detector, find_detector, installed_detectors, usable_detectors
from limner.models.manifest import PREPROCESSING_VERSION
from limner.train.config import Project
from limner.train.projects import ProjectObjects, read_objects
from limner.workers.detector_data import categories_to_tell
from tests.squares import project_of_squares, run


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    """The project "squares" of four images with two masks each; nothing is encoded."""
    return project_of_squares(tmp_path, 4)


def encode(home: Path) -> str:
    """Store made-up embeddings of all images by Samlet; the sha256 of its weights."""
    model = find_model("samlet", home).card.weights_sha256
    blobs = BlobStore(Settings(home=home).resolved_blob_url)
    rng = np.random.default_rng(0)
    for image in read_objects(Project(home, "squares")).images:
        info = EmbeddingInfo(image.sha256, model, PREPROCESSING_VERSION, image.height, image.width, 512)
        features = {"image_embeddings": rng.normal(size=(1, 128, 64, 64)).astype(np.float32)}
        blobs.put(embedding_key(image.sha256, model, PREPROCESSING_VERSION), pack(features, info))
    return model


def test_a_detector_is_trained_listed_and_found_by_the_project(home: Path) -> None:
    assert "There are no detectors" in run("detector", "list", "--home", str(home)) or installed_detectors(home)
    model = encode(home)
    output = run("detector", "train", "--project", "squares", "--steps", "1", "--home", str(home))
    assert f"Wrote {home / 'detectors' / 'squares-1'}" in output
    assert "To use it: limner suggest detector 1 --detector squares-1" in output
    found = find_detector(home, "squares-1")
    card = found.card
    assert (card.model, card.model_sha256, card.project_id, card.project) == ("samlet", model, 1, "squares")
    assert (card.steps, card.seed, card.told_apart, card.categories) == (1, 0, False, ())
    assert card.masks == 2 * card.images
    assert card.weights_sha256 == sha256_of(found.weights)
    assert card.graph_sha256 == sha256_of(found.graph)
    assert found.weights.stat().st_size < 4_000_000
    assert load_detector(found).config.image_size == 512
    assert not list((home / module.CHECKPOINTS).iterdir())
    assert "squares-1" in run("detector", "list", "--home", str(home))
    assert "objects is asked all the same." in output  # a step on noise teaches nothing
    assert [each.name for each in usable_detectors(home, 1, model)] == ["objects", "squares-1"]
    assert choose_detector(home, 1, model, None).name == "objects"
    assert choose_detector(home, 1, model, "squares-1").name == "squares-1"
    assert "squares-1" not in [each.name for each in usable_detectors(home, 2, model)]
    assert not usable_detectors(home, 1, "0" * 64)
    with pytest.raises(InvalidInput, match="squares-1 reads embeddings by samlet"):
        choose_detector(home, 1, "0" * 64, "squares-1")
    with pytest.raises(MissingWeights, match="no detector for this project"):
        choose_detector(home, 1, "0" * 64, None)
    with pytest.raises(MissingWeights, match="no detector called 'other'"):
        choose_detector(home, 1, model, "other")
    run("detector", "train", "--project", "1", "--steps", "1", "--home", str(home))
    assert [each.name for each in usable_detectors(home, 1, model)] == ["objects", "squares-2", "squares-1"]
    content = bytearray(found.weights.read_bytes())
    content[-1] ^= 1
    found.weights.write_bytes(content)
    with pytest.raises(WrongWeights, match="have changed"):
        load_detector(found)


def test_what_keeps_it_from_learning_is_named(home: Path) -> None:
    def train(*arguments: str) -> None:
        places = ["--home", str(home), "--steps", "1"]
        CliRunner().invoke(detector, ["train", *arguments, *places], catch_exceptions=False)

    run("project", "create", "empty", "--home", str(home))
    with pytest.raises(InvalidFile, match="'empty' has no masks"):
        train("--project", "empty")
    with pytest.raises(InvalidInput, match="Of 4 images with masks none has an embedding by Samlet"):
        train("--project", "squares")
    encode(home)
    with pytest.raises(InvalidInput, match="have no categories: there is nothing to tell apart"):
        train("--project", "squares", "--categories")
    with pytest.raises(InvalidFile, match="There is no checkpoint"):
        train("--project", "squares", "--resume")
    train("--project", "squares", "--name", "taken")
    with pytest.raises(InvalidInput, match="There is a detector called taken"):
        train("--project", "squares", "--name", "taken")
    (sha256, *_) = [image.sha256 for image in read_objects(Project(home, "squares")).images]
    model = find_model("samlet", home).card.weights_sha256
    info = EmbeddingInfo(sha256, "f" * 64, PREPROCESSING_VERSION, 48, 64, 512)
    other = pack({"image_embeddings": np.zeros((1, 128, 64, 64), np.float32)}, info)
    BlobStore(Settings(home=home).resolved_blob_url).put(
        embedding_key(sha256, model, PREPROCESSING_VERSION), other, replace=True
    )
    with pytest.raises(InvalidInput, match="is by a model with the weights ffffffffffff"):
        train("--project", "squares")


def objects(*category_ids: int | None) -> ProjectObjects:
    from limner.train.projects import ImageObjects
    from limner.vocabulary import rle

    mask = rle.encode(np.ones((2, 2), np.bool_))
    images = [ImageObjects("0" * 64, 2, 2, (mask,), (number,)) for number in category_ids]
    return ProjectObjects(1, "pets", None, [(3, "cat"), (5, "dog"), (9, "unused")], images)


def test_categories_are_told_apart_when_there_are_several() -> None:
    told = categories_to_tell
    assert [each.name for each in told(objects(3, 5, None), None)] == ["cat", "dog"]
    assert [each.id for each in told(objects(5, 5), None)] == [5]  # given to all that is found
    assert told(objects(5, None), None) == ()
    assert told(objects(3, 5), False) == ()
    with pytest.raises(InvalidInput, match="have only the category 'cat': there is nothing to tell apart"):
        told(objects(3, 3), True)


def test_the_card_is_a_document_that_people_can_read(home: Path) -> None:
    encode(home)
    run("detector", "train", "--project", "squares", "--steps", "1", "--name", "mine", "--home", str(home))
    card = json.loads((home / "detectors" / "mine" / "detector.json").read_text())
    assert {"name", "model_sha256", "features", "categories", "images", "masks", "steps", "seed", "quality"} <= set(
        card
    )
