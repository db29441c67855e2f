"""An encoder's process that sleeps instead of encoding, so that the queue is measured and not this machine's cores.

Arguments: a log of what it was given, the model's sha256, how many images it takes at once, ``hang`` to hang once or
nothing, and the seconds that an image takes; without these a batch takes ``SECONDS_PER_BATCH``. As the real one, it
does not hold faults of the blob store against images. As a GPU that prefers it, it works on what it is given beside a
batch at once, and on the batch for so much longer.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from limner.blobs import BlobStore, embedding_key
from limner.config import Settings
from limner.encoding.protocol import Encode, Encoded, Failed, Ready, Report, Request, parse_request
from limner.encoding.states import Target
from limner.errors import LimnerError
from limner.models.manifest import (
    PREPROCESSING_VERSION,
    GraphFile,
    Graphs,
    InputSpec,
    Manifest,
    graphs_folder,
)
from limner.vocabulary.specs import FeatureSpec
from limner.workers.lanes import work_in_two_lanes

SECONDS_PER_BATCH = 0.05
HEADER = b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
EMBEDDING = len(HEADER).to_bytes(8, "little") + HEADER + b"x"  # the smallest file that is whole


class Sleeper:
    """The process.

    Args:
        log: of what it was given.
        model_sha256: of the model that it pretends to have.
        batch_size: images that it takes at once.
        behaviour: ``hang``, or nothing.
        seconds_each: that an image takes; 0: a batch takes ``SECONDS_PER_BATCH``.
    """

    def __init__(self, log: Path, model_sha256: str, batch_size: int, behaviour: str, seconds_each: float) -> None:
        self._log = log
        self._batch_size = batch_size
        self._behaviour = behaviour
        self._seconds_each = seconds_each
        self._blobs = BlobStore(Settings().resolved_blob_url)
        self._lock = threading.Lock()  # guards what follows, and stdout
        self._requests = 0
        self._owed = 0.0  # s, of what was done beside the batch in hand
        _write_manifest(Settings().home, model_sha256)
        self._say(
            Ready(device="cpu", model_sha256=model_sha256, threads=1, batch_size=batch_size, beside=batch_size > 1)
        )

    def serve(self) -> None:
        """Answer requests until there are no more."""
        work_in_two_lanes(map(parse_request, sys.stdin.buffer), _is_beside, self._in_turn, self._beside)

    def _in_turn(self, request: Request) -> None:
        number, self._requests = self._requests, self._requests + 1
        if not isinstance(request, Encode):  # there is one model
            return
        self._note(request)
        hangs = self._log.with_name("hangs")
        if self._behaviour == "hang" and number == 2 and not hangs.exists():
            hangs.touch()
            time.sleep(3600)
        seconds = self._seconds_each * len(request.targets) or SECONDS_PER_BATCH
        time.sleep(seconds)
        with self._lock:
            owed, self._owed = self._owed, 0.0
        time.sleep(owed)
        self._answer(request, seconds / len(request.targets))

    def _beside(self, request: Request) -> None:
        assert isinstance(request, Encode)
        self._note(request)
        seconds = self._seconds_each or SECONDS_PER_BATCH / self._batch_size
        with self._lock:
            self._owed += seconds
        time.sleep(seconds)
        self._answer(request, seconds)

    def _note(self, request: Encode) -> None:
        given = {
            "targets": _names(request.targets),
            "following": _names(request.following),
            "process": os.getpid(),
            "began": time.time(),
        }
        with self._lock, self._log.open("a") as file:
            file.write(json.dumps(given) + "\n")

    def _answer(self, request: Encode, seconds: float) -> None:
        for target in request.targets:
            self._say(_made(self._blobs, target, seconds))

    def _say(self, report: Report) -> None:
        with self._lock:
            sys.stdout.buffer.write(report.line())
            sys.stdout.buffer.flush()


def _is_beside(request: Request) -> bool:
    return isinstance(request, Encode) and request.beside


def _made(blobs: BlobStore, target: Target, seconds: float) -> Encoded | Failed:
    ended = time.time()
    try:
        blobs.put(embedding_key(target.image_sha256, target.model_sha256, PREPROCESSING_VERSION), EMBEDDING)
    except LimnerError as error:
        return Failed(target=target, code=error.code, message=str(error), lasting=False)
    return Encoded(target=target, seconds=seconds, bytes=len(EMBEDDING), ended=ended)


def _write_manifest(home: Path, sha256: str) -> None:
    """The service reads it when the worker is ready; no page will."""
    folder = graphs_folder(home, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    graph = GraphFile(file="none.onnx", sha256="0" * 64, bytes=1, inputs=("a",), outputs=("b",))
    manifest = Manifest(
        exporter=1,
        name="sleeper",
        title="Sleeper",
        family="samlet",
        licence="",
        parameters=1,
        weights_sha256=sha256,
        input=InputSpec(image_size=64, pixel_mean=(0, 0, 0), pixel_std=(1, 1, 1)),
        features=(FeatureSpec("image_embeddings", 1, 4, 4),),
        graphs=Graphs(prepare=graph, decode=graph),
        max_abs_difference=0,
    )
    (folder / "manifest.json").write_text(manifest.to_json())


def _names(targets: list[Target]) -> list[str]:
    return [target.image_sha256 for target in targets]


if __name__ == "__main__":
    seconds_of_an_image = float(sys.argv[5]) if len(sys.argv) > 5 else 0.0
    Sleeper(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], seconds_of_an_image).serve()
