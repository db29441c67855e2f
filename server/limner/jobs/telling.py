"""What passes at the encoder, told to the pages: nothing is stored, a page may miss it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limner.encoding.states import EncodeEvent, EncodingStatus
from limner.jobs.encoding import concerned, embedding_event
from limner.models.in_use import Models
from limner.store import Database
from limner.vocabulary.events import EncoderStatus, PublishedEvent, RegionEvent, ServerEvent


@dataclass(frozen=True)
class EncoderNews:
    """A subscriber of the encoder. What it settles of whole images is told by ``EncodingQueue``, as stored events.

    Attributes:
        database: says in which projects an image is.
        publish: tells the pages.
    """

    database: Database
    models: Models
    publish: Callable[[Sequence[PublishedEvent]], None]

    def on_targets(self, events: Sequence[EncodeEvent]) -> None:
        """Images that wait or are being encoded, and everything about regions."""
        passing = [
            event for event in events if event.target.region is not None or event.state not in ("ready", "failed")
        ]
        if not passing:
            return
        with self.database.read() as session:
            told = concerned(session, self.models, passing)
        self.publish([self._news(*each) for each in told])

    def on_status(self, status: EncodingStatus) -> None:
        """The encoder process is in another state: every page hears it."""
        event = ServerEvent(device=status.device, encoder=EncoderStatus.model_validate(status.encoder))
        self.publish([PublishedEvent(None, None, event)])

    def _news(self, project_id: int, image_id: int, event: EncodeEvent) -> PublishedEvent:
        region = event.target.region
        if region is None:
            return PublishedEvent(None, project_id, embedding_event(image_id, event))
        of_region = RegionEvent(image_id=image_id, state=event.state, error=event.error, region=str(region))
        return PublishedEvent(None, project_id, of_region)
