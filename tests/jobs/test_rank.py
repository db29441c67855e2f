"""Ranking as background work: images are assessed one by one, and ordered when all are, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from limner.errors import Conflict
from limner.jobs import suggest_jobs
from limner.jobs.control import act_on_job
from limner.jobs.kinds import SuggestPayload
from limner.jobs.suggest import SuggestQueue
from limner.jobs.suggest_jobs import start_suggest
from limner.store import Database
from limner.store.images import NewImage, add_image, delete_image, get_image
from limner.store.jobs import get_job
from limner.store.leases import take_next
from limner.store.listing import page_images
from limner.store.people import add_person
from limner.store.projects import create_project
from limner.store.ranking import NewAssessment, ranks_of
from limner.store.tables import UNRANKED, Image, Project
from limner.vocabulary.listing import Listing
from limner.vocabulary.suggested import Assess, Everything

MODEL = "a" * 64
PAYLOAD = SuggestPayload(model_sha256=MODEL, request=Assess())
COMPASS = [(1.0, 0.0), (1.0, 0.01), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]


@pytest.fixture
def project_id(database: Database) -> int:
    with database.write() as session:
        project = create_project(session, "Cats")
        for index in range(5):
            new = NewImage(f"{index}.png", 16, 12, f"{index:064x}", 100, "PNG", "image/png")
            add_image(session, project.id, new)
        return project.id


@pytest.fixture
def work(database: Database) -> SuggestQueue:
    return SuggestQueue(database, "me")


def start(database: Database, project_id: int, payload: SuggestPayload = PAYLOAD) -> int:
    with database.write() as session:
        return start_suggest(session, project_id, payload).id


def work_off(work: SuggestQueue) -> list[str]:
    """Assess whatever waits: images that are called by an odd number are hard. Names in the order of the work."""
    done = []
    while (item := work.claim()) is not None:
        number = int(item.image.file_name[0])
        sure = 0.2 if number % 2 else 0.8
        assert work.settle_assessment(item, NewAssessment(item.model_sha256, sure, sure, sure, COMPASS[number]))
        done.append(item.image.file_name)
    return done


def listed(database: Database, project_id: int, *, descending: bool = False) -> list[str]:
    listing = Listing(order="informative", descending=descending)
    names: list[str] = []
    cursor = None
    with database.read() as session:
        while True:
            page = page_images(session, project_id, cursor, 2, listing)
            names += [image.file_name for image in page.images]
            if (cursor := page.next) is None:
                return names


def test_images_are_ranked_when_all_are_assessed(
    database: Database, project_id: int, work: SuggestQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggest_jobs, "WINDOW", 2)
    job = start(database, project_id)
    assert listed(database, project_id) == [f"{index}.png" for index in range(5)]
    assert work_off(work) == [f"{index}.png" for index in range(5)]
    with database.read() as session:
        found = get_job(session, job)
        assert (found.state, found.done, found.total) == ("done", 5, 5)
        images = session.scalars(select(Image).order_by(Image.learning_rank)).all()
        ranks = ranks_of(session, images)
    assert [ranks[image.id].place for image in images] == [1, 2, 3, 4, 5]
    order = listed(database, project_id)
    assert set(order[:2]) == {"1.png", "3.png"}  # the hard ones, which are unlike each other
    assert listed(database, project_id, descending=True) == order[::-1]
    hardest = ranks[images[0].id]
    assert (hardest.predicted_iou, hardest.stability, hardest.agreement) == (0.2, 0.2, 0.2)


def test_annotated_images_have_no_rank_and_keep_others_away(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    with database.write() as session:
        for name in ("3.png", "0.png"):
            session.scalars(select(Image).where(Image.file_name == name)).one().annotation_count = 1
    start(database, project_id)
    work_off(work)
    assert listed(database, project_id)[-2:] == ["0.png", "3.png"]  # as they were added
    with database.read() as session:
        by_name = {image.file_name: image for image in session.scalars(select(Image))}
        ranks = ranks_of(session, list(by_name.values()))
        assert by_name["3.png"].learning_rank == UNRANKED
        assert ranks[by_name["1.png"].id].distance < 0.1  # like the annotated one
        assert by_name["1.png"].learning_rank == 3


def test_what_was_assessed_before_is_not_asked_again(database: Database, project_id: int, work: SuggestQueue) -> None:
    start(database, project_id)
    work_off(work)
    with database.write() as session:
        new = NewImage("4b.png", 16, 12, f"{9:064x}", 100, "PNG", "image/png")
        add_image(session, project_id, new)
    job = start(database, project_id)
    assert work_off(work) == ["4b.png"]
    with database.read() as session:
        assert (get_job(session, job).done, get_job(session, job).total) == (6, 6)
        assert len([each for each in session.scalars(select(Image.learning_rank)) if each != UNRANKED]) == 6


def test_another_model_assesses_everything_anew(database: Database, project_id: int, work: SuggestQueue) -> None:
    start(database, project_id)
    work_off(work)
    start(database, project_id, SuggestPayload(model_sha256="b" * 64, request=Assess(by="uncertainty")))
    assert len(work_off(work)) == 5
    assert listed(database, project_id)[:2] == ["1.png", "3.png"]


def test_a_cancelled_job_changes_no_ranks_and_one_may_suggest_beside_it(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    job = start(database, project_id)
    start(database, project_id, SuggestPayload(model_sha256=MODEL, request=Everything()))
    with pytest.raises(Conflict):
        start(database, project_id)
    with database.write() as session:
        act_on_job(session, get_job(session, job), "cancel")
    with database.read() as session:
        assert set(session.scalars(select(Image.learning_rank))) == {UNRANKED}


def test_an_image_that_is_deleted_takes_its_assessment_along(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    start(database, project_id)
    work_off(work)
    with database.write() as session:
        first = page_images(session, project_id, None, 1, Listing(order="informative")).images[0]
        delete_image(session, get_image(session, first.id))
    assert len(listed(database, project_id)) == 4


def test_people_are_handed_the_best_of_what_is_left(database: Database, project_id: int, work: SuggestQueue) -> None:
    start(database, project_id)
    work_off(work)
    order = listed(database, project_id)
    with database.write() as session:
        project = session.get_one(Project, project_id)
        project.next_order = "informative"
        person, other = (add_person(session, name, "member").id for name in ("Ann", "Bob"))
        handed = [image.file_name for image in take_next(session, project, person)]
        assert handed == order[:3]
        assert [image.file_name for image in take_next(session, project, other)] == order[3:]
