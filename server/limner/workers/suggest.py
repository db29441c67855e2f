"""The suggesting process: ``python -m limner.workers.suggest``, started and fed by ``limner.suggesting.runner``.

It works on embeddings that are stored, and makes and stores those that are not. It runs at low priority, reads requests
from stdin and reports on stdout (``limner.suggesting.protocol``), and ends when stdin does.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from limner.blobs import BlobStore, embedding_key, image_key
from limner.config import Settings
from limner.encoding.images import decode_image
from limner.encoding.wire import unpack
from limner.errors import InvalidInput, LimnerError, ModelError, NotFound
from limner.models.manifest import PREPROCESSING_VERSION
from limner.models.registry import LoadedModel, load_model
from limner.segment.automatic import AutomaticMaskGenerator
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
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
    parse_request,
)
from limner.vocabulary.suggested import MAX_SUGGESTIONS, Everything
from limner.workers.child_main import run_child
from limner.workers.encoder import Encoder, choose_device
from limner.workers.packing import packed_embedding

KEPT = 8  # embeddings in memory

Send = Callable[[Report], None]


class _StoppedError(Exception):
    """Nobody wants the answer any more."""


@dataclass(frozen=True)
class _Opened:
    embedding: ImageEmbedding
    stored: Stored | None = None


class Worker:
    """Answers one request after the other.

    Args:
        settings: as the server has them.
        send: takes a report to the server; called from one thread at a time.
    """

    def __init__(self, settings: Settings, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._blobs = BlobStore(settings.resolved_blob_url)
        self._threads = settings.encoder_threads or os.cpu_count() or 1
        # Batches of points are worked on in threads of ours: torch's would wait for each other.
        torch.set_num_threads(1)
        self._loaded: LoadedModel = load_model(settings.model, settings.home)
        self._device = choose_device(settings.device)
        self._predictor = Predictor(self._loaded, device=self._device)
        self._known: OrderedDict[str, ImageEmbedding] = OrderedDict()
        self._lock = threading.Lock()
        self._unwanted: set[int] = set()  # guarded by the lock
        send(Ready(model_sha256=self._loaded.weights_sha256))

    def serve(self, lines: Iterable[bytes]) -> None:
        """Answer requests until there are no more; a cancel is heard while another request is being worked on."""
        waiting: queue.SimpleQueue[Suggest | None] = queue.SimpleQueue()

        def listen() -> None:
            for line in lines:
                request = parse_request(line)
                if isinstance(request, Cancel):
                    self.hear(request)
                else:
                    waiting.put(request)
            waiting.put(None)

        threading.Thread(target=listen, name="requests", daemon=True).start()
        while (request := waiting.get()) is not None:
            self._send(self._answer(request))
            with self._lock:
                self._unwanted.discard(request.id)

    def hear(self, cancel: Cancel) -> None:
        """Stop working on a request soon; from any thread."""
        with self._lock:
            self._unwanted.add(cancel.id)

    def _answer(self, request: Suggest) -> Report:
        """No fault of one image may end the process; those of the surroundings are not held against the image."""
        try:
            opened = self._open(request.image_sha256)
            found = self._everything(request.id, opened.embedding, request.request)
            return Suggested(id=request.id, found=found[:MAX_SUGGESTIONS], stored=opened.stored)
        except _StoppedError:
            return Cancelled(id=request.id)
        except LimnerError as error:
            lasting = isinstance(error, InvalidInput | ModelError)
            return Failed(id=request.id, message=str(error), lasting=lasting)
        except Exception as error:  # noqa: BLE001  (reported to the server, with the trace on stderr)
            traceback.print_exception(error, file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
            return Failed(id=request.id, message=message, lasting=not isinstance(error, OSError))

    def _everything(self, request_id: int, embedding: ImageEmbedding, asked: Everything) -> list[FoundMask]:
        on_cpu = self._device.type == "cpu"
        generator = AutomaticMaskGenerator(
            self._predictor,
            points_per_side=asked.points_per_side,
            points_per_batch=8 if on_cpu else 64,
            output_mode="coco_rle",
            threads=self._threads if on_cpu else 1,
        )

        def on_progress(done: int, total: int) -> None:
            self._check(request_id)
            self._send(Progress(id=request_id, done=done, total=total))

        masks = generator.generate_from(embedding, on_progress)
        found = [
            FoundMask(
                size=(height, width),
                counts=counts,
                score=mask["predicted_iou"],
                stability=mask["stability_score"],
                prompt={"points": [[x, y, 1] for x, y in mask["point_coords"]]},
            )
            for mask in masks
            for (height, width), counts in [_rle(mask["segmentation"])]
        ]
        return sorted(found, key=lambda mask: -mask.score)

    def _check(self, request_id: int) -> None:
        """Stop when nobody wants the answer any more."""
        with self._lock:
            if request_id in self._unwanted:
                raise _StoppedError

    def _open(self, sha256: str) -> _Opened:
        """The embedding of an image, from memory, from the blobs, or made now."""
        known = self._known.get(sha256)
        if known is not None:
            self._known.move_to_end(sha256)
            return _Opened(known)
        key = embedding_key(sha256, self._loaded.weights_sha256, PREPROCESSING_VERSION)
        stored = None
        try:
            data = self._blobs.get(key)
        except NotFound:
            started = time.perf_counter()
            data = self._encode(sha256)
            self._blobs.put(key, data)
            stored = Stored(seconds=time.perf_counter() - started, bytes=len(data))
        arrays, info = unpack(data)
        features = {name: torch.from_numpy(values).to(self._device) for name, values in arrays.items()}
        geometry = self._loaded.model.config.geometry(info.image_height, info.image_width)
        embedding = ImageEmbedding(features, geometry)
        self._known[sha256] = embedding
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return _Opened(embedding, stored)

    def _encode(self, sha256: str) -> bytes:
        rgb = decode_image(self._blobs.get(image_key(sha256)), max_pixels=self._settings.max_pixels).rgb
        encoder = Encoder(self._loaded.model, self._device, cpu_precision=self._loaded.cpu_precision)
        torch.set_num_threads(self._threads)
        try:
            (features,) = encoder.encode([rgb])
        finally:
            torch.set_num_threads(1)
        return packed_embedding(features, sha256, self._loaded, rgb.shape[:2])


def _rle(mask: object) -> tuple[tuple[int, int], str]:
    assert isinstance(mask, dict), "asked for as COCO RLE"
    height, width = mask["size"]
    return (height, width), mask["counts"]


def main() -> int:
    """Serve stdin until it ends; 1 when the model could not be loaded."""
    return run_child(lambda settings, say: Worker(settings, say).serve)


if __name__ == "__main__":
    sys.exit(main())
