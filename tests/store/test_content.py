"""Projects, categories, images, embeddings, jobs and accounts."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from limner.errors import Conflict, InvalidInput, NotFound, NotSignedIn
from limner.jobs.control import act_on_job
from limner.store import Database, accounts
from limner.store.annotations import iterate_annotations, iterate_images
from limner.store.categories import (
    CategoryInUse,
    create_category,
    delete_category,
    ensure_unlabelled_number,
    get_category,
    list_categories,
    move_category,
    rename_category,
)
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings, encoded_among
from limner.store.images import add_image, delete_image, get_image
from limner.store.jobs import create_job, get_job
from limner.store.listing import neighbours, page_images
from limner.store.projects import (
    ProjectCounts,
    count_projects,
    create_project,
    delete_project,
    get_project,
    list_projects,
)
from limner.store.tables import Embedding, Image, LoginLink, LoginSession
from limner.store.types import utc_now
from limner.vocabulary.listing import Listing
from tests.store.conftest import World, create, new_image, operation

KEY = EmbeddingKey("a" * 64, 1)
UID = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0{}"


def test_images_come_in_pages(database: Database) -> None:
    with database.write() as session:
        project = create_project(session, "Cats")
        ids = [add_image(session, project.id, new_image(index))[0].id for index in range(7)]
    with database.read() as session:
        seen, cursor = [], None
        while True:
            page = page_images(session, project.id, cursor, 3)
            seen.append([image.id for image in page.images])
            if (cursor := page.next) is None:
                break
        assert seen == [ids[:3], ids[3:6], ids[6:]]
        assert neighbours(session, get_image(session, ids[3])) == (ids[2], ids[4])
        assert neighbours(session, get_image(session, ids[0])) == (None, ids[1])
        assert [image.id for image in iterate_images(session, project.id, batch=2)] == ids
        with pytest.raises(InvalidInput, match="cursor"):
            page_images(session, project.id, "1; DROP TABLE images", 3)


def test_the_same_bytes_are_one_image_in_a_project(world: World) -> None:
    with world.database.write() as session:
        again, created = add_image(session, world.project_id, new_image())
        other = create_project(session, "Other")
        elsewhere, created_elsewhere = add_image(session, other.id, new_image())
    assert (again.id, created) == (world.image_id, False)
    assert created_elsewhere
    with world.database.write() as session:
        assert not delete_image(session, get_image(session, world.image_id)), "another project uses the bytes"
    with world.database.write() as session:
        assert delete_image(session, get_image(session, elsewhere.id))


def test_pages_can_be_filtered(world: World) -> None:
    with world.database.write() as session:
        bare, _ = add_image(session, world.project_id, new_image(1))
    world.apply(create(UID.format(1)), 0)
    with world.database.read() as session:
        annotated = page_images(session, world.project_id, None, 10, Listing(state="annotated")).images
        unannotated = page_images(session, world.project_id, None, 10, Listing(state="unannotated")).images
    assert [image.id for image in annotated] == [world.image_id]
    assert [image.id for image in unannotated] == [bare.id]


def test_counts(world: World) -> None:
    with world.database.write() as session:
        add_image(session, world.project_id, new_image(1))
        empty = create_project(session, "Empty")
        for seconds in (0.0, 1.5, 2.5):  # found, then made, then found by another process
            add_embeddings(session, KEY, [MadeEmbedding(new_image().sha256, seconds, 1000)])
        add_embeddings(session, EmbeddingKey("b" * 64, 1), [MadeEmbedding(new_image(1).sha256, 1.5, 1000)])
        add_embeddings(session, KEY, [])
    for index in range(3):
        world.apply(create(UID.format(index)), index)
    world.apply(operation(kind="delete", uid=UID.format(0)), 3)
    with world.database.read() as session:
        counts = count_projects(session, {each.id: KEY for each in list_projects(session)})
        assert counts == {world.project_id: ProjectCounts(images=2, annotated=1, annotations=2, encoded=1)}
        assert empty.id not in counts
        assert encoded_among(session, [new_image(0).sha256, new_image(1).sha256], KEY) == {new_image(0).sha256}
        assert session.scalars(select(Embedding.seconds).order_by(Embedding.model_sha256)).first() == 1.5


def test_annotations_stream_in_order_across_batches(world: World) -> None:
    with world.database.write() as session:
        second, _ = add_image(session, world.project_id, new_image(1))
    other = World(world.database, world.project_id, world.category_id, second.id)
    for index in range(5):
        other.apply(create(UID.format(index)), index)
        world.apply(create(UID.format(index + 5)), index)
    with world.database.read() as session:
        streamed = [(a.image_id, a.position) for a in iterate_annotations(session, world.project_id, batch=3)]
    assert streamed == [(image, position) for image in (world.image_id, second.id) for position in range(5)]


def test_deleting_a_project_takes_everything_with_it(world: World) -> None:
    world.apply(create(UID.format(1), world.category_id), 0)
    with world.database.write() as session:
        create_job(session, world.project_id, "precompute", 1, {})
        assert delete_project(session, get_project(session, world.project_id)) == [new_image().sha256]
    with world.database.read() as session:
        for find, number in (
            (get_project, world.project_id),
            (get_image, world.image_id),
            (get_category, world.category_id),
        ):
            with pytest.raises(NotFound):
                find(session, number)


def test_categories_keep_their_order(database: Database) -> None:
    with database.write() as session:
        project = create_project(session, "Cats")
        made = [create_category(session, project.id, name) for name in "abcd"]
        move_category(session, made[3], 1)
        session.flush()
        assert [c.name for c in list_categories(session, project.id)] == list("adbc")
        assert len({c.color for c in made}) == 4
        with pytest.raises(Conflict, match="already"):
            create_category(session, project.id, "a")
        with pytest.raises(Conflict, match="already"):
            rename_category(session, made[0], "b")
        rename_category(session, made[0], "a")


def test_a_category_in_use_stays(world: World) -> None:
    world.apply(create(UID.format(1), world.category_id), 0)
    with world.database.write() as session, pytest.raises(CategoryInUse) as caught:
        delete_category(session, get_category(session, world.category_id))
    assert caught.value.details == {"annotation_count": 1}
    world.apply(operation(kind="delete", uid=UID.format(1)), 1)
    with world.database.write() as session:
        delete_category(session, get_category(session, world.category_id))
    restored = world.apply(operation(kind="restore", uid=UID.format(1)), 2).annotation
    assert restored is not None
    assert restored.category_id is None


def test_jobs_go_through_their_states(world: World) -> None:
    with world.database.write() as session:
        job = create_job(session, world.project_id, "precompute", 10, {})
        with pytest.raises(Conflict, match="running"):
            create_job(session, world.project_id, "precompute", 10, {})
        act_on_job(session, job, "pause")
        with pytest.raises(Conflict, match="paused"):
            act_on_job(session, job, "pause")
        act_on_job(session, job, "resume")
        act_on_job(session, job, "cancel")
        with pytest.raises(Conflict, match="cancelled"):
            act_on_job(session, job, "resume")
    with world.database.read() as session:
        assert get_job(session, job.id).state == "cancelled"


def test_a_sign_in_link_works_once_and_not_for_ever(database: Database) -> None:
    with database.write() as session:
        user = accounts.ensure_local_admin(session)
        token = accounts.create_login_link(session, user)
    with database.write() as session:
        found = accounts.redeem_login_link(session, token)
        assert found.id == user.id
        session_id = accounts.begin_session(session, found)
    with database.write() as session, pytest.raises(NotSignedIn):
        accounts.redeem_login_link(session, token)
    with database.write() as session:
        late = accounts.create_login_link(session, user)
        session.flush()
        session.execute(update(LoginLink).values(expires=utc_now() - timedelta(seconds=1)))
    with database.write() as session, pytest.raises(NotSignedIn):
        accounts.redeem_login_link(session, late)
    with database.read() as session:
        signed_in = accounts.find_login_session(session, accounts.hash_secret(session_id))
        assert signed_in is not None
        assert session.get_one(accounts.User, signed_in.user_id).name == "admin"
    with database.write() as session:
        session.execute(update(LoginSession).values(expires=utc_now() - timedelta(seconds=1)))
    with database.read() as session:
        assert accounts.find_login_session(session, accounts.hash_secret(session_id)) is None


def test_secrets_are_not_in_the_database(database: Database) -> None:
    with database.write() as session:
        user = accounts.ensure_local_admin(session)
        link = accounts.create_login_link(session, user)
        token = accounts.create_api_token(session, user, "laptop")
        session_id = accounts.begin_session(session, accounts.redeem_login_link(session, link))
        session.flush()
        found = accounts.find_token(session, accounts.hash_secret(token))
        assert found is not None
        assert found.user_id == user.id
        stored = str([row.__dict__ for kind in accounts_tables() for row in session.query(kind)])
        assert not any(secret in stored for secret in (link, token, session_id))
        with pytest.raises(Conflict):
            accounts.create_api_token(session, user, "laptop")
        accounts.revoke_api_token(session, user, "laptop")
        session.flush()
        assert accounts.find_token(session, accounts.hash_secret(token)) is None
        accounts.end_session(session, accounts.hash_secret(session_id))
        assert accounts.find_login_session(session, accounts.hash_secret(session_id)) is None


def accounts_tables() -> list[type]:
    return [accounts.LoginLink, accounts.LoginSession, accounts.ApiToken, accounts.User]


def test_no_two_images_of_a_project_have_one_name(world: World) -> None:
    with world.database.write() as session:
        names = []
        for index in range(1, 9):
            image, created = add_image(session, world.project_id, replace(new_image(index), file_name="0.png"))
            assert created
            names.append(image.file_name)
        elsewhere = create_project(session, "Other")
        assert add_image(session, elsewhere.id, new_image())[0].file_name == "0.png"
    assert names == [f"0-{number}.png" for number in range(2, 10)]
    renaming = update(Image).where(Image.id == world.image_id).values(file_name="0-2.png")
    with world.database.write() as session, pytest.raises(IntegrityError):
        session.execute(renaming)


def test_categories_are_numbered_from_1_in_each_project_and_no_number_comes_again(database: Database) -> None:
    with database.write() as session:
        first, second = create_project(session, "First"), create_project(session, "Second")
        names = {
            category.name: category.number
            for category in (
                create_category(session, first.id, "a"),
                create_category(session, second.id, "b"),
                create_category(session, first.id, "c"),
            )
        }
        assert names == {"a": 1, "b": 1, "c": 2}
        assert ensure_unlabelled_number(session, first.id) == ensure_unlabelled_number(session, first.id) == 3
        delete_category(session, next(c for c in list_categories(session, first.id) if c.name == "c"))
        assert create_category(session, first.id, "c").number == 4


def test_a_category_has_one_name_whatever_form_of_unicode_it_comes_in(world: World) -> None:
    with world.database.write() as session:
        create_category(session, world.project_id, "caf\u00e9")
    with world.database.write() as session, pytest.raises(Conflict):
        create_category(session, world.project_id, "cafe\u0301")
    with world.database.write() as session, pytest.raises(InvalidInput, match="cannot be kept"):
        create_category(session, world.project_id, "a\tb")
