"""What passes at the encoder, told to the pages: nothing is stored, a page may miss it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limner.encoding.states import EncodeEvent, EncodingStatus
from limner.jobs.encoding import embedding_event
from limner.store import Database
from limner.store.images import places_of
from limner.vocabulary.events import EncoderStatus, PublishedEvent, RegionEvent, ServerEvent


@dataclass(frozen=True)
class EncoderNews:
    """A subscriber of the encoder. What it settles of whole images is told by ``EncodingQueue``, as stored events.

    Attributes:
        database: says in which projects an image is.
        publish: tells the pages.
    """

    database: Database
    publish: Callable[[Sequence[PublishedEvent]], None]

    def on_targets(self, events: Sequence[EncodeEvent]) -> None:
        """Images that wait or are being encoded, and everything about regions."""
        passing = [event for event in events if event.region is not None or event.state not in ("ready", "failed")]
        if not passing:
            return
        with self.database.read() as session:
            places = places_of(session, {event.image_sha256 for event in passing})
        self.publish(
            [
                self._news(project_id, image_id, event)
                for event in passing
                for project_id, image_id in places.get(event.image_sha256, ())
            ]
        )

    def on_status(self, status: EncodingStatus) -> None:
        """The encoder process is in another state: every page hears it."""
        event = ServerEvent(device=status.device, encoder=EncoderStatus.model_validate(status.encoder))
        self.publish([PublishedEvent(None, None, event)])

    def _news(self, project_id: int, image_id: int, event: EncodeEvent) -> PublishedEvent:
        if event.region is None:
            return PublishedEvent(None, project_id, embedding_event(image_id, event))
        region = RegionEvent(image_id=image_id, state=event.state, error=event.error, region=str(event.region))
        return PublishedEvent(None, project_id, region)
