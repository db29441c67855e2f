"""Delivers what webhooks are told, in a thread of its own: signed as Standard Webhooks says, retried after pauses.

https://github.com/standard-webhooks/standard-webhooks: ``webhook-signature: v1,`` and the base64 of HMAC-SHA256 over
``ID.TIMESTAMP.BODY`` with the secret's bytes. The id is the same each time that a delivery is tried, the timestamp not.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from limner import __version__
from limner.errors import Unavailable
from limner.jobs import queue
from limner.jobs.outgoing import AddressRefused, NotDelivered, post
from limner.store import Database
from limner.store.tables import JobItem, Webhook, WebhookDelivery
from limner.store.types import utc_now
from limner.store.webhooks import DELIVER

LOOK_EVERY = 2.0  # s
AT_ONCE = 1  # an item is claimed when it is tried: no lease runs out behind a slow receiver
GONE = 410  # the receiver wants no more of it

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Letter:
    number: int
    url: str
    secret: str
    body: bytes


@dataclass(frozen=True)
class _Outcome:
    status: int | None
    message: str
    lasting: bool = False

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def signed_headers(secret: str, number: int, body: bytes, timestamp: int) -> Mapping[str, str]:
    """The headers of a delivery.

    Args:
        secret: ``whsec_`` and the base64 of the key.
        number: of the delivery.
        body: as it is sent.
        timestamp: seconds since 1970.
    """
    name = f"limner_{number}"
    key = b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": f"Limner/{__version__}",
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


class Deliverer:
    """Delivers what is due.

    Args:
        database: where deliveries and their items are.
        holder: the name under which it holds items.
        private: whether addresses of this machine and of private networks may be asked.
    """

    def __init__(self, database: Database, holder: str, *, private: bool) -> None:
        self._database = database
        self._holder = holder
        self._private = private
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start; what is due goes out after one pause."""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery in hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def deliver_due(self) -> int:
        """Try everything that is due, once. How much that was."""
        tried = 0
        while not self._stopping.is_set() and (letter := self._claim()) is not None:
            self._note(letter, self._send(letter))
            tried += 1
        return tried

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                self.deliver_due()
            except (Unavailable, SQLAlchemyError) as error:
                logger.warning("delivering waits", reason=str(error), seconds=LOOK_EVERY)
            except Exception:
                logger.exception("delivering failed; it is tried again", seconds=LOOK_EVERY)

    def _claim(self) -> _Letter | None:
        with self._database.read() as session:
            if not queue.claimable(session, [DELIVER]):
                return None
        with self._database.write() as session:
            for claim in queue.claim(session, [DELIVER], AT_ONCE, self._holder):
                delivery = session.get(WebhookDelivery, int(claim.key))
                webhook = None if delivery is None else session.get(Webhook, delivery.webhook_id)
                if delivery is None or webhook is None:  # the project went with its webhooks
                    queue.done(session, DELIVER, [claim.key])
                    continue
                return _Letter(delivery.id, webhook.url, webhook.secret, json.dumps(delivery.body).encode())
        return None

    def _send(self, letter: _Letter) -> _Outcome:
        headers = signed_headers(letter.secret, letter.number, letter.body, int(time.time()))
        try:
            status = post(letter.url, letter.body, headers, private=self._private)
        except AddressRefused as error:
            return _Outcome(None, error.message, lasting=True)
        except NotDelivered as error:
            return _Outcome(None, str(error))
        return _Outcome(status, "" if 200 <= status < 300 else f"It was answered {status}.", lasting=status == GONE)

    def _note(self, letter: _Letter, outcome: _Outcome) -> None:
        key = str(letter.number)
        with self._database.write() as session:
            if outcome.delivered:
                queue.done(session, DELIVER, [key])
            else:
                queue.fail(session, DELIVER, [key], outcome.message, lasting=outcome.lasting)
            delivery = session.get(WebhookDelivery, letter.number)
            if delivery is None:
                return
            item = session.scalar(select(JobItem).where(JobItem.kind == DELIVER, JobItem.key == key))
            delivery.attempts += 1
            delivery.status, delivery.message, delivery.tried = outcome.status, outcome.message, utc_now()
            if outcome.delivered:
                delivery.state = "delivered"
            elif item is None or item.state == "failed":
                delivery.state = "failed"
                if item is not None:
                    session.delete(item)
