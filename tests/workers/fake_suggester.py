"""Speaks the suggesting process's protocol without torch. What an image's "file" says is what happens to it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from limner.blobs import BlobStore, image_key
from limner.config import Settings
from limner.suggesting.protocol import (
    Cancel,
    Cancelled,
    Failed,
    FoundMask,
    Progress,
    Ready,
    Report,
    Stored,
    Suggest,
    Suggested,
    Unusable,
    parse_request,
)
from limner.vocabulary import rle
from limner.vocabulary.messages import Broken


def say(report: Report) -> None:
    sys.stdout.buffer.write(report.line())
    sys.stdout.buffer.flush()


def mask() -> FoundMask:
    whole = rle.from_counts([3, 5, 48 * 64 - 8], (48, 64))
    prompt = {"points": [[0.5, 3.5, 1]]}
    return FoundMask(size=(48, 64), counts=whole["counts"], score=1.25, stability=0.5, prompt=prompt)


def main(log: Path, model_sha256: str, start: str) -> None:
    blobs = BlobStore(Settings().resolved_blob_url)
    with log.open("a") as file:
        file.write("start\n")
    if start == "broken":
        say(Broken(message="The weights are damaged. Install them again."))
        return
    say(Ready())
    for line in sys.stdin.buffer:
        request = parse_request(line)
        if isinstance(request, Cancel):
            say(Cancelled(id=request.id))
            continue
        assert isinstance(request, Suggest)
        fate = blobs.get(image_key(request.image_sha256)).decode()
        say(Progress(id=request.id, done=1, total=4))
        if fate == "dies" or (fate == "dies once" and log.read_text().count("start") == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        elif request.model_sha256 != model_sha256:
            say(Unusable(id=request.id, message="This model is not installed any more."))
        elif fate == "fails":
            say(Failed(id=request.id, message="It is no image.", lasting=True))
        elif fate == "hangs":
            time.sleep(600)
        elif fate != "waits":  # for a cancel
            say(Suggested(id=request.id, found=[mask()], stored=Stored(seconds=0.5, bytes=9)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
