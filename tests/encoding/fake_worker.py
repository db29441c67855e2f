"""Speaks the encoder's protocol without torch. What an image's "file" says is what happens to it.

Every image taken in hand is written to the log first, so that tests can count and see the order; what is said to follow
is written to ``following`` beside it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from limner.blobs import BlobStore, embedding_key, image_key
from limner.config import Settings
from limner.encoding.protocol import Encode, Encoded, Failed, Loading, Progress, Ready, Report, Request, parse_request
from limner.encoding.states import Target
from limner.models.manifest import (
    PREPROCESSING_VERSION,
    GraphFile,
    Graphs,
    InputSpec,
    Manifest,
    graphs_folder,
)
from limner.vocabulary.messages import Broken
from limner.vocabulary.specs import FeatureSpec
from limner.workers.lanes import work_in_two_lanes

BATCH = 3


def write_manifest(home: Path, sha256: str) -> None:
    folder = graphs_folder(home, sha256)
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {}
    for name in ("prepare", "decode"):
        (folder / f"{name}.onnx").write_bytes(name.encode())
        graphs[name] = GraphFile(file=f"{name}.onnx", sha256="0" * 64, bytes=7, inputs=("a",), outputs=("b",))
    manifest = Manifest(
        exporter=1,
        name="tiny",
        title="Tiny",
        family="samlet",
        licence="Apache-2.0",
        parameters=1,
        weights_sha256=sha256,
        input=InputSpec(image_size=64, pixel_mean=(0, 0, 0), pixel_std=(1, 1, 1)),
        features=(FeatureSpec("image_embeddings", 1, 4, 4),),
        graphs=Graphs(**graphs),
        max_abs_difference=0,
    )
    (folder / "manifest.json").write_text(manifest.to_json())


def name_of(target: Target) -> str:
    return target.image_sha256 if target.region is None else f"{target.image_sha256}:{target.region}"


def embedding_bytes() -> bytes:
    """A file that is whole, however short."""
    header = b'{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    return len(header).to_bytes(8, "little") + header + b"x"


SAYING = threading.Lock()


def say(report: Report) -> None:
    with SAYING:
        sys.stdout.buffer.write(report.line())
        sys.stdout.buffer.flush()


def main(log: Path, model_sha256: str, start: str) -> None:
    settings = Settings()
    blobs = BlobStore(settings.resolved_blob_url)
    say(Progress(message="Loading tiny."))
    if start == "broken":
        say(Broken(message="The weights are damaged. Install them again."))
        return
    write_manifest(settings.home, model_sha256)
    sys.stdout.buffer.write(b"a library prints something\n")
    beside = start == "beside"
    batch_size = BATCH if beside or start == "batch" else 1
    say(Ready(device="cpu", model_sha256=model_sha256, threads=1, batch_size=batch_size, beside=beside))

    def answer(request: Request) -> None:
        assert isinstance(request, Encode), "there is one model"
        targets = request.targets
        for path, named in ((log, targets), (log.with_name("following"), request.following)):
            with path.open("a") as file:
                file.write(" ".join(name_of(target) for target in named) + "\n")
        if targets[0].model_sha256 != model_sha256:  # a model that the process does not survive
            say(Loading(model_sha256=targets[0].model_sha256))
            os.kill(os.getpid(), signal.SIGKILL)
        for target in targets:
            content = blobs.get(image_key(target.image_sha256)).decode()
            if content == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            elif content == "crash in company" and len(targets) > 1:
                os._exit(3)
            elif content.startswith("wait "):
                Path(content.removeprefix("wait ")).read_bytes()  # a FIFO: blocks until the test writes to it
            elif content.startswith("fail"):
                lasting = content == "fail"
                say(Failed(target=target, code="x", message="It is ugly.", lasting=lasting))
                continue
            key = embedding_key(target.image_sha256, model_sha256, PREPROCESSING_VERSION, region=target.region)
            blobs.put(key, embedding_bytes())
            say(Encoded(target=target, seconds=0.5, bytes=9))

    requests = map(parse_request, sys.stdin.buffer)
    work_in_two_lanes(requests, lambda request: isinstance(request, Encode) and request.beside, answer, answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
