"""The job that has a project use another model, without an encoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.encoding.states import EncodeEvent
from limner.errors import Conflict
from limner.jobs.control import act_on_job
from limner.jobs.encoding import EncodingQueue
from limner.jobs.model_change import start_model_change, switch_model
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.models.catalogue import find_model
from limner.models.in_use import Models
from limner.store import Database
from limner.store.embeddings import EmbeddingKey
from limner.store.images import NewImage, add_image
from limner.store.jobs import get_job
from limner.store.projects import create_project, get_project, models_of
from limner.vocabulary.events import EmbeddingEvent, ModelEvent, PublishedEvent
from tests.conftest import install_card

OLD, NEW, THIRD = (EmbeddingKey.of(letter * 64) for letter in "abc")
IMAGES = 3


@pytest.fixture
def models(tmp_path: Path) -> Models:
    for name, key in (("old", OLD), ("new", NEW), ("third", THIRD)):
        install_card(tmp_path, name, key.model_sha256)
    return Models(tmp_path, find_model("old", tmp_path))


@pytest.fixture
def encoder(database: Database, models: Models) -> EncodingQueue:
    return EncodingQueue(database, models, "me")


@pytest.fixture
def project_id(database: Database) -> int:
    with database.write() as session:
        project_id = create_project(session, "Cats").id
    for index in range(IMAGES):
        add(database, project_id, index)
    return project_id


def add(database: Database, project_id: int, index: int) -> None:
    with database.write() as session:
        add_image(session, project_id, NewImage(f"{index}.png", 16, 12, f"{index:064x}", 1, "PNG", "image/png"))


def begin(database: Database, project_id: int, key: EmbeddingKey, name: str) -> int:
    with database.read() as session:
        counted = count_unencoded(session, project_id, key)
    with database.write() as session:
        return start_model_change(session, get_project(session, project_id), key, name, name, counted).id


def encode(encoder: EncodingQueue, count: int = 8) -> int:
    """Claim and finish; how many."""
    claims = encoder.claim(count)
    encoder.settle([EncodeEvent(each.target, "ready", seconds=1, bytes=1) for each in claims])
    return len(claims)


def model_of(database: Database, project_id: int) -> str | None:
    with database.read() as session:
        return models_of(session, [project_id])[project_id]


def state_of(database: Database, job_id: int) -> str:
    with database.read() as session:
        return get_job(session, job_id).state


def test_the_project_changes_when_its_last_image_is_encoded_and_not_before(
    database: Database, project_id: int, encoder: EncodingQueue, told: list[PublishedEvent]
) -> None:
    job = begin(database, project_id, NEW, "new")
    assert encode(encoder, 2) == 2
    add(database, project_id, IMAGES)  # joins the job that runs
    for _ in range(2):
        assert (model_of(database, project_id), state_of(database, job)) == (None, "running")
        assert encode(encoder, 1) == 1
    assert (model_of(database, project_id), state_of(database, job)) == ("new", "done")
    models_told = [each.event for each in told if isinstance(each.event, ModelEvent)]
    assert models_told == [ModelEvent(name="new", weights_sha256=NEW.model_sha256)]
    # Pages of a project hear of embeddings by the model that it uses.
    assert not [each for each in told if isinstance(each.event, EmbeddingEvent)]


def test_a_change_that_is_cancelled_leaves_everything_as_it_was(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    job = begin(database, project_id, NEW, "new")
    encode(encoder, 1)
    with database.write() as session:
        act_on_job(session, get_job(session, job), "cancel")
    assert encode(encoder) == 0
    assert model_of(database, project_id) is None


def test_another_wish_takes_the_place_of_the_one_before(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    first = begin(database, project_id, NEW, "new")
    second = begin(database, project_id, THIRD, "third")
    while encode(encoder):
        pass
    assert (state_of(database, first), state_of(database, second)) == ("cancelled", "done")
    assert model_of(database, project_id) == "third"


def test_an_image_that_cannot_be_encoded_does_not_hold_up_the_change_and_trying_it_again_repeats_no_change(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    job = begin(database, project_id, NEW, "new")
    poison, *rest = encoder.claim(8)
    encoder.settle([EncodeEvent(poison.target, "failed", "It is ugly.", lasting=True)])
    encoder.settle([EncodeEvent(each.target, "ready", seconds=1, bytes=1) for each in rest])
    encoder.claim(8)
    assert model_of(database, project_id) == "new"
    with database.write() as session:
        assert get_job(session, job).message == "1 image could not be encoded."
        with pytest.raises(Conflict, match="has changed the project's model already"):
            act_on_job(session, get_job(session, job), "retry")


def test_encoding_ahead_by_the_model_before_ends_with_the_change(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    with database.write() as session:
        ahead = start_precompute(session, project_id, OLD, (IMAGES, IMAGES)).id
    with database.write() as session:
        switch_model(session, get_project(session, project_id), NEW, "new", "new")
    assert state_of(database, ahead) == "cancelled"
    assert encode(encoder) == 0


def test_a_change_to_a_model_that_is_gone_stops_with_a_reason_and_goes_on_when_it_is_back(
    database: Database, project_id: int, encoder: EncodingQueue, tmp_path: Path
) -> None:
    job = begin(database, project_id, NEW, "new")
    card = tmp_path / "models" / "new" / "model.json"
    hidden = card.rename(card.with_suffix(".away"))
    encoder.follow(None, {})
    with database.read() as session:
        stopped = get_job(session, job)
    assert stopped.state == "failed"
    assert "is not installed any more" in stopped.message
    assert encode(encoder) == 0
    hidden.rename(card)
    encoder.follow(None, {NEW.model_sha256: "It is damaged."})
    assert state_of(database, job) == "failed"
    encoder.follow(None, {})
    while encode(encoder):
        pass
    assert model_of(database, project_id) == "new"


def test_jobs_of_a_model_that_cannot_be_loaded_stop_and_those_of_others_go_on(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    with database.write() as session:
        ahead = start_precompute(session, project_id, OLD, (IMAGES, IMAGES)).id
    job = begin(database, project_id, NEW, "new")
    encoder.follow(None, {NEW.model_sha256: "It is damaged."})
    with database.read() as session:
        assert get_job(session, job).message == "It is damaged."
    assert (state_of(database, job), state_of(database, ahead)) == ("failed", "running")
