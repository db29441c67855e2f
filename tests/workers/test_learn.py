"""Learning runs: the process that trains as it is, killed in the middle, and what becomes of runs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from limner.access import Actor
from limner.blobs import BlobStore, embedding_key
from limner.config import Settings
from limner.encoding.wire import EmbeddingInfo, pack
from limner.learning import runner
from limner.models.catalogue import find_model
from limner.models.detectors import find_detector
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service import learning
from limner.service.accounts import local_actor
from limner.service.wiring import Services, open_services
from limner.train.config import Project
from limner.train.photos import is_held_out
from limner.train.projects import read_objects
from limner.vocabulary.learning import Recipe
from limner.workers.learn import NICENESS
from tests.squares import project_of_squares, run

DYING = Path(__file__).with_name("dying_learner.py")


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    """The project "squares" of twelve images with two masks each, one of them held out, with made-up embeddings."""
    home = project_of_squares(tmp_path, 12)
    model = find_model("samlet", home).card.weights_sha256
    blobs = BlobStore(Settings(home=home).resolved_blob_url)
    rng = np.random.default_rng(0)
    for image in read_objects(Project(home, "squares")).images:
        info = EmbeddingInfo(image.sha256, model, PREPROCESSING_VERSION, image.height, image.width, 512)
        features = {"image_embeddings": rng.normal(size=(1, 128, 64, 64)).astype(np.float32)}
        blobs.put(embedding_key(image.sha256, model, PREPROCESSING_VERSION), pack(features, info))
    return home


def ended(services: Services, actor: Actor, run_id: int) -> learning.RunInfo:
    """The run once it has ended."""
    for _ in range(6000):
        found = learning.find(services, actor, run_id)
        if found.state not in ("waiting", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"the run is {found.state} after ten minutes: {found.progress}")


def opened(home: Path, command: tuple[str, ...] = runner.WORKER) -> tuple[Services, Actor]:
    services = open_services(Settings(home=home), learn_command=command)
    return services, local_actor(services.database)


def test_a_run_whose_process_is_killed_goes_on_from_its_checkpoint(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "steps"
    services, actor = opened(home, (sys.executable, str(DYING), str(log), "11"))
    begun = learning.begin(services, actor, 1, Recipe(kind="detector", steps=13))
    services.learner.start()
    try:
        done = ended(services, actor, begun.id)
        assert (done.state, done.message) == ("done", "")
        lines = log.read_text().splitlines()
        lives = [index for index, line in enumerate(lines) if line.startswith("begin")]
        assert len(lives) == 2
        assert {lines[index] for index in lives} == {f"begin nice {min(19, os.nice(0) + NICENESS)}"}
        killed, resumed = (int(lines[at].removeprefix("step ")) for at in (lives[1] - 1, lives[1] + 1))
        assert (
            11 <= resumed <= killed + 1
        )  # the first step after the last checkpoint, which is that of step 10 or later
        assert done.result == "project-1-detector-1"
        card = find_detector(home, done.result).card
        assert card.weights_sha256 == done.result_sha256
        held_out = sum(is_held_out(image.sha256) for image in read_objects(Project(home, "squares")).images)
        assert card.images == 12 - held_out
        assert done.figures["by"] == "cross_validation"  # two objects are too few to judge on
        assert (done.figures["held_out"], done.figures["measured"]) == (12 - held_out, 2 * (12 - held_out))
        assert done.figures["first_name"] == "objects"
        assert card.judgement is not None
        assert card.judgement.better == done.figures["better"]
        assert done.figures["images"] == 12
        assert not list((home / "learning").iterdir())
        assert done.snapshot in run("project", "snapshot", "squares", "--home", str(home))
    finally:
        services.learner.stop()
        services.database.close()


def test_a_model_is_adapted_compared_used_and_left_again_from_the_command_line(home: Path) -> None:
    places = ("--home", str(home))
    output = run("learning", "run", "squares", "--adapt", "encoder", "--steps", "1", *places)
    assert "To use it: limner learning promote 1" in output
    listed = run("learning", "list", "squares", *places).split("\t")
    assert listed[:3] == ["1", "model", "done"]
    name = listed[4]
    card = find_model(name, home).card
    assert card.family == "samlet"
    assert card.quality["images"] == 12
    services, actor = opened(home)
    try:
        (found,) = learning.list_all(services, actor, 1)
        if found.figures["held_out"]:
            assert set(found.figures["second"]) == {"1", "3", "5", "box"}
            assert set(found.figures["differences"]) == {"1", "3", "5", "box", "mean"}
        assert found.parent == "samlet"
    finally:
        services.database.close()
    assert "until then the project uses samlet" in run("learning", "promote", "1", "--knowingly", *places)


def test_what_cannot_be_learned_from_is_said_by_the_run(home: Path) -> None:
    services, actor = opened(home)
    try:
        begun = learning.begin(services, actor, 1, Recipe(kind="model", learn_from="approved", steps=1))
        services.learner.start()
        failed = ended(services, actor, begun.id)
        assert failed.state == "failed"
        assert "no masks to learn from in the project 'squares'" in failed.message
    finally:
        services.learner.stop()
        services.database.close()
