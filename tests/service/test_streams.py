"""What a page hears of a project: everything, in order, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import pytest

from limner.config import Settings
from limner.errors import NotFound
from limner.service.accounts import local_actor
from limner.service.projects import create_project
from limner.service.streams import follow_project
from limner.service.wiring import Services
from limner.store import Database
from limner.store.copies import copy_for
from limner.store.events import add_event
from limner.store.images import add_image
from limner.store.people import add_person
from limner.store.tables import Image
from limner.vocabulary.events import ImageEvent, PublishedEvent
from tests.api.conftest import kind_of_database as kind_of_database  # a fixture
from tests.api.conftest import services as services  # a fixture
from tests.store.conftest import new_image

PATIENCE_S = 20.0


def tell(database: Database, project_id: int, image_id: int) -> None:
    with database.write() as session:
        add_event(session, ImageEvent(image_id=image_id, action="created"), project_id)


def test_what_a_page_heard_as_it_happened_is_not_told_again_when_the_store_is_looked_at(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.service.streams.PING_SECONDS", 0.05)
    actor = local_actor(services.database)
    project_id = create_project(services, actor, "Cats").row.id
    elsewhere = Database(settings.resolved_database_url)  # another process: this one does not hear of its commits

    async def heard() -> list[int | str | None]:
        """Numbers of images, None for a ping."""
        stream = follow_project(services, actor, project_id, None)
        found = [await _next(stream)]
        for image_id in (1, 2, 3):  # from the second on for certain as they happen: the stream waits among such
            tell(services.database, project_id, image_id)
            while found[-1] != image_id:
                found.append(await _next(stream))
        tell(elsewhere, project_id, 4)
        while found.count(None) < 3 or 4 not in found:
            found.append(await _next(stream))
        await stream.aclose()
        return found

    # In a thread of its own: the browser of another test may have left an event loop that runs in this one.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(lambda: asyncio.run(asyncio.wait_for(heard(), PATIENCE_S))).result()
    elsewhere.close()
    assert [each for each in found if each is not None] == ["start", 1, 2, 3, 4]
    assert services.events.listeners == 0


def test_a_project_that_one_may_not_see_is_not_followed(services: Services) -> None:
    with pytest.raises(NotFound):
        follow_project(services, local_actor(services.database), 10**6, None)


def test_what_happens_on_ones_own_copies_is_heard_and_on_those_of_others_is_not(services: Services) -> None:
    actor = local_actor(services.database)
    project_id = create_project(services, actor, "Cats").row.id
    with services.database.write() as session:
        original, _ = add_image(session, project_id, new_image())
        eve = add_person(session, "Eve", "member").id
        theirs = copy_for(session, original, eve).project_id

    async def heard() -> list[int | str | None]:
        stream = follow_project(services, actor, project_id, None)
        found = [await _next(stream)]
        tell(services.database, theirs, 1)
        with services.database.write() as session:  # the first copy that they are handed while the page is open
            mine = copy_for(session, session.get_one(Image, original.id), actor.user_id).project_id
        tell(services.database, mine, 2)
        tell(services.database, project_id, 3)
        while found[-1] != 3:
            found.append(await _next(stream))
        await stream.aclose()
        return found

    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(lambda: asyncio.run(asyncio.wait_for(heard(), PATIENCE_S))).result()
    assert [each for each in found if each is not None] == ["start", "access", 2, 3]


async def _next(stream: AsyncGenerator[PublishedEvent | None, None]) -> int | str | None:
    told = await anext(stream)
    if told is None:
        return None
    return told.event.image_id if isinstance(told.event, ImageEvent) else told.event.event
