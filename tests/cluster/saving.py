"""People who save through nginx while parts of the cluster are killed: is what was acknowledged there, once?"""

from __future__ import annotations

import io
import random
import threading
from typing import Any

import httpx

from tests.api.conftest import creation, mask_rle
from tests.conftest import png_bytes

PAUSE = 0.2  # s between two saves, and before one is sent again
GATEWAY = (502, 503, 504)  # nobody has answered, or nobody could: it is sent again


class Writer(threading.Thread):
    """Saves masks on one image, one after the other, until it is told to end; sends again what was not answered."""

    def __init__(self, web: httpx.Client, image: int) -> None:
        super().__init__(name=f"writer-{image}", daemon=True)
        self.ending = threading.Event()
        self.acknowledged = 0
        self.unanswered = 0
        self.complaints: list[str] = []
        self._web = web
        self._image = image
        self._revision = 0
        self._masks: dict[str, str] = {}  # counts by uid: what has to be there
        self._random = random.Random(image)

    def run(self) -> None:
        """A change that was begun is brought to its end."""
        while not self.ending.is_set():
            body = creation(segmentation=mask_rle(self._random.randrange(1 << 30)))
            while not self._send(body):
                self.unanswered += 1
                self.ending.wait(PAUSE)
            self.ending.wait(PAUSE)

    def _send(self, body: dict[str, Any]) -> bool:
        """Whether it is settled."""
        headers = {"If-Match": f'"{self._revision}"'}
        try:
            answer = self._web.post(f"/api/v1/images/{self._image}/operations", json=body, headers=headers)
        except httpx.HTTPError:
            return False
        if answer.status_code in GATEWAY:
            return False
        if answer.status_code != 200:
            self.complaints.append(f"image {self._image}: {answer.status_code} {answer.text[:200]}")
            return True
        self._revision = int(answer.json()["revision"])
        self._masks[body["operation"]["uid"]] = body["operation"]["segmentation"]["counts"]
        self.acknowledged += 1
        return True

    def amiss(self) -> list[str]:
        """What is not as it was acknowledged."""
        stored = self._web.get(f"/api/v1/images/{self._image}/annotations").json()
        found = {each["uid"]: each["segmentation"]["counts"] for each in stored["annotations"]}
        wrong = list(self.complaints)
        if found != self._masks or len(stored["annotations"]) != len(found):
            wrong.append(f"image {self._image}: {len(found)} masks are there, {len(self._masks)} were acknowledged")
        if stored["revision"] != self._revision:
            wrong.append(f"image {self._image}: revision {stored['revision']}, not {self._revision}")
        return wrong


class Writers:
    """Several of them, on images of a project of their own."""

    def __init__(self, web: httpx.Client, count: int) -> None:
        project = web.post("/api/v1/projects", json={"name": "Saved"}).raise_for_status().json()["id"]
        self._all = [Writer(web, _upload(web, project, seed)) for seed in range(count)]
        for writer in self._all:
            writer.start()

    def counts(self) -> tuple[int, int]:
        """(saves that were acknowledged, requests that were not answered) so far."""
        return sum(each.acknowledged for each in self._all), sum(each.unanswered for each in self._all)

    def end(self) -> list[str]:
        """Have all come to an end; what is not as it was acknowledged."""
        for writer in self._all:
            writer.ending.set()
        for writer in self._all:
            writer.join(120)
        stuck = [f"{each.name} does not end" for each in self._all if each.is_alive()]
        return stuck + [wrong for each in self._all for wrong in each.amiss()]


def _upload(web: httpx.Client, project: int, seed: int) -> int:
    files = {"files": (f"{seed}.png", io.BytesIO(png_bytes(48, 64, seed)), "image/png")}
    answer = web.post(f"/api/v1/projects/{project}/images", files=files).raise_for_status()
    return int(answer.json()["results"][0]["image"]["id"])
