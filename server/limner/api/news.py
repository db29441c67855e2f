"""What the encoder reports: written down, told to the pages, and the jobs go on."""

from __future__ import annotations

from typing import cast

import structlog

from limner.api.precompute import Precompute
from limner.encoding.service import EmbeddingService
from limner.encoding.states import EncodeEvent
from limner.store import Database
from limner.store.embeddings import EmbeddingKey, add_embedding
from limner.store.events import PublishedEvent, add_event
from limner.store.images import places_of

logger = structlog.get_logger(__name__)


class Newsroom:
    """Takes the encoder's reports. Set ``encoder`` and ``precompute`` before the encoder starts."""

    encoder: EmbeddingService
    precompute: Precompute

    def __init__(self, database: Database, key: EmbeddingKey) -> None:
        self._database = database
        self._key = key

    def __call__(self, news: EncodeEvent) -> None:
        """Handle one report; called in a thread of the encoder's service."""
        if news.region is not None:
            self._mention_region(news)
        elif news.state in ("ready", "failed"):
            self._settle(news)
        else:
            self._mention(news)

    def encoder_changed(self) -> None:
        """Tell every page how the encoder process stands; jobs cannot go on without it, and go on when it is back."""
        status = self.encoder.status()
        encoder = cast(dict[str, object], status["encoder"])
        self._database.publish([PublishedEvent(None, None, "server", {"device": status["device"], "encoder": encoder})])
        if encoder["state"] == "failed":
            self.precompute.advance()
        elif encoder["state"] == "ready":
            self.precompute.revive()

    def _settle(self, news: EncodeEvent) -> None:
        with self._database.write() as session:
            if news.state == "ready":
                add_embedding(session, news.image_sha256, self._key, news.seconds or 0.0, news.bytes or 0)
            for project_id, image_id in places_of(session, news.image_sha256):
                add_event(session, "embedding", _facts(image_id, news), project_id)
        if news.state == "failed":
            logger.error("image could not be encoded", image_sha256=news.image_sha256, error=news.error)
        self.precompute.advance(failed_sha256=news.image_sha256 if news.state == "failed" else None)

    def _mention(self, news: EncodeEvent) -> None:
        with self._database.read() as session:
            places = places_of(session, news.image_sha256)
        self._database.publish(
            [PublishedEvent(None, project_id, "embedding", _facts(image_id, news)) for project_id, image_id in places]
        )

    def _mention_region(self, news: EncodeEvent) -> None:
        """Tell those who wait for a region. Whether an image counts as encoded is a matter of the whole."""
        if news.state == "failed":
            logger.error(
                "region not encoded", image_sha256=news.image_sha256, region=str(news.region), error=news.error
            )
        with self._database.read() as session:
            places = places_of(session, news.image_sha256)
        self._database.publish(
            [
                PublishedEvent(None, project_id, "region", {**_facts(image_id, news), "region": str(news.region)})
                for project_id, image_id in places
            ]
        )


def _facts(image_id: int, news: EncodeEvent) -> dict[str, object]:
    return {"image_id": image_id, "state": news.state, "error": news.error}
