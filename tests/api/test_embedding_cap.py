"""Embeddings that were removed because they were too many, over HTTP: encoded again when somebody opens the image."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import ByteSize
from sqlalchemy import select, update

from limner.config import Settings
from limner.service.wiring import Services
from limner.store.tables import Embedding
from limner.store.types import utc_now
from tests.api.test_encoding import embedding, wait_for


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Those of all tests, with a limit that one embedding exceeds."""
    return settings.model_copy(update={"max_embedding_bytes": ByteSize(1)})


def test_an_embedding_that_was_removed_is_made_again_when_its_image_is_opened(
    script: FlaskClient, image: dict[str, Any], services: Services
) -> None:
    services.encoder.start()
    first = wait_for(lambda: (answer := embedding(script, image["id"], "?dtype=i8")).status_code == 200 and answer)
    wait_for(lambda: script.get(f"/api/v1/projects/{image['project_id']}").json["encoded_count"] == 1)
    assert services.embedding_cap.enforce() == 0, "somebody has just opened it"

    with services.database.write() as session:
        session.execute(update(Embedding).values(last_used=utc_now() - timedelta(days=1)))
    embedding(script, image["id"])
    assert services.embedding_cap.enforce() == 0, "somebody has opened it again"
    with services.database.write() as session:
        session.execute(update(Embedding).values(last_used=utc_now() - timedelta(days=1)))
    assert services.embedding_cap.enforce() == 1
    assert list(services.blobs.list("embeddings")) == []
    assert script.get(f"/api/v1/projects/{image['project_id']}").json["encoded_count"] == 0

    assert embedding(script, image["id"], "?dtype=i8").status_code in (200, 202)
    again = wait_for(lambda: (answer := embedding(script, image["id"], "?dtype=i8")).status_code == 200 and answer)
    assert again.data == first.data
    wait_for(lambda: script.get(f"/api/v1/projects/{image['project_id']}").json["encoded_count"] == 1)


def test_metrics_say_what_embeddings_take_and_may_take(
    script: FlaskClient, image: dict[str, Any], services: Services
) -> None:
    services.encoder.start()
    wait_for(lambda: embedding(script, image["id"]).status_code == 200)
    wait_for(lambda: script.get(f"/api/v1/projects/{image['project_id']}").json["encoded_count"] == 1)
    with services.database.read() as session:
        taken = session.scalars(select(Embedding.bytes)).one()
    text = script.get("/metrics").get_data(as_text=True)
    assert f'limner_embedding_bytes{{what="stored"}} {float(taken)}' in text
    assert 'limner_embedding_bytes{what="most"} 1.0' in text
