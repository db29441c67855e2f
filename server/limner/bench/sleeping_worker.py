"""An encoder's process that sleeps instead of encoding, so that the queue is measured and not this machine's cores.

Arguments: a log of what it was given, the model's sha256, how many images it takes at once, ``hang`` to hang once or
nothing, and the seconds that an image takes; without these a batch takes ``SECONDS_PER_BATCH``. As the real one, it
does not hold faults of the blob store against images.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from limner.blobs import BlobStore, embedding_key
from limner.config import Settings
from limner.encoding.protocol import Encode, Encoded, Failed, Ready, Report, parse_request
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

SECONDS_PER_BATCH = 0.05
HEADER = b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
EMBEDDING = len(HEADER).to_bytes(8, "little") + HEADER + b"x"  # the smallest file that is whole


def _say(report: Report) -> None:
    sys.stdout.buffer.write(report.line())
    sys.stdout.buffer.flush()


def main(log: Path, model_sha256: str, batch_size: int, behaviour: str, seconds_each: float = 0.0) -> None:
    """Answer requests until there are no more."""
    blobs = BlobStore(Settings().resolved_blob_url)
    hangs = log.with_name("hangs")
    _write_manifest(Settings().home, model_sha256)
    _say(Ready(device="cpu", model_sha256=model_sha256, threads=1, batch_size=batch_size))
    for number, line in enumerate(sys.stdin.buffer):
        request = parse_request(line)
        if not isinstance(request, Encode):  # there is one model
            continue
        given = {
            "targets": _names(request.targets),
            "following": _names(request.following),
            "process": os.getpid(),
            "began": time.time(),
        }
        with log.open("a") as file:
            file.write(json.dumps(given) + "\n")
        if behaviour == "hang" and number == 2 and not hangs.exists():
            hangs.touch()
            time.sleep(3600)
        seconds = seconds_each * len(request.targets) or SECONDS_PER_BATCH
        time.sleep(seconds)
        for target in request.targets:
            _say(_made(blobs, target, seconds / len(request.targets)))


def _made(blobs: BlobStore, target: Target, seconds: float) -> Encoded | Failed:
    try:
        blobs.put(embedding_key(target.image_sha256, target.model_sha256, PREPROCESSING_VERSION), EMBEDDING)
    except LimnerError as error:
        return Failed(target=target, code=error.code, message=str(error), lasting=False)
    return Encoded(target=target, seconds=seconds, bytes=len(EMBEDDING))


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
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], seconds_of_an_image)
