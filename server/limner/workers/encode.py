"""The encoder's process: ``python -m limner.workers.encode``, started and fed by ``limner.encoding.service``.

It runs at low priority, so that saving a mask never waits for an image. It reads images from the blob store and writes
embeddings there; requests come in on stdin and reports go out on stdout (``limner.encoding.protocol``). It ends when
stdin does, so it never outlives the server.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from limner.blobs import BlobStore, embedding_key, image_key
from limner.config import Settings
from limner.encoding.images import decode_image
from limner.encoding.protocol import Encode, Encoded, Failed, Report, Request, Unusable, parse_request
from limner.encoding.states import Target
from limner.encoding.stored import embedding_size
from limner.errors import EncoderFailed, InvalidInput, LimnerError, ModelError
from limner.models.manifest import PREPROCESSING_VERSION
from limner.workers.child_main import Say, Serve, run_child
from limner.workers.encoder import Arrays
from limner.workers.lanes import work_in_two_lanes
from limner.workers.loaded import LoadedModels, ReadyModel, Send
from limner.workers.packing import packed_embedding

DECODING_THREADS = 4  # images decoded at once; so many at most are decoded ahead, to bound the memory

T = TypeVar("T")


@dataclass(frozen=True)
class Picture:
    """Pixels to encode (h, w, 3), and the size of the image that they are, or are a part of."""

    rgb: NDArray[np.uint8]
    image_height: int
    image_width: int


class Ahead:
    """Looks for pictures in threads, before their turn comes.

    Args:
        pool: the threads.
        find: the pixels of a target, or the report that there is nothing to encode.
    """

    def __init__(self, pool: Executor, find: Callable[[Target], Picture | Report]) -> None:
        self._pool = pool
        self._find = find
        self._found: dict[Target, Future[Picture | Report]] = {}

    def take(self, targets: Sequence[Target], following: Sequence[Target]) -> dict[Target, Picture | Report]:
        """What was found of these targets. From now on, the first of ``following`` are looked for, and nothing else."""
        for target, future in self._found.items():
            if target not in targets:
                future.cancel()  # unless it is under way
        taken = {target: self._future(target) for target in targets}
        ahead = [target for target in following if target not in taken][:DECODING_THREADS]
        self._found = {target: self._future(target) for target in ahead}
        return {target: future.result() for target, future in taken.items()}

    def _future(self, target: Target) -> Future[Picture | Report]:
        known = self._found.get(target)
        return self._pool.submit(self._find, target) if known is None or known.cancelled() else known


class Worker:
    """Encodes what it is asked to, each image on its own terms: one that fails does not touch the others, nor does a
    model that cannot be loaded.

    Args:
        settings: as the server has them.
        send: takes a report to the server.
    """

    def __init__(self, settings: Settings, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._blobs = BlobStore(settings.resolved_blob_url)
        if settings.encoder_threads:
            torch.set_num_threads(settings.encoder_threads)
        self._models = LoadedModels(settings, send)
        self._loading = threading.Lock()
        self._models.start()

    def serve(self, requests: Iterator[Request]) -> None:
        """Answer requests until there are no more; what is to be encoded beside others in a thread of its own."""
        with ThreadPoolExecutor(DECODING_THREADS) as pool:
            ahead = Ahead(pool, self._find)

            def answer(request: Request) -> None:
                if isinstance(request, Encode):
                    self._encode(ahead, request)
                else:
                    self._load(request.model_sha256)

            work_in_two_lanes(requests, _is_beside, answer, self._encode_beside)

    def _encode_beside(self, request: Request) -> None:
        assert isinstance(request, Encode)
        for target in request.targets:
            started = time.perf_counter()
            found = self._find(target)
            if not isinstance(found, Picture):
                self._send(found)
            elif (model := self._load(target.model_sha256)) is not None:
                self._answer(model, {target: found}, started, beside=True)

    def _encode(self, ahead: Ahead, request: Encode) -> None:
        started = time.perf_counter()
        found = ahead.take(request.targets, request.following)
        pictures: dict[Target, Picture] = {}
        for target, each in found.items():
            if isinstance(each, Picture):
                pictures[target] = each
            else:
                self._send(each)
        if pictures:
            decoded = time.perf_counter()
            model = self._load(next(iter(pictures)).model_sha256)
            if model is not None:
                self._answer(model, pictures, started + time.perf_counter() - decoded)

    def _load(self, model_sha256: str) -> ReadyModel | None:
        """The model, loaded if need be; None when that is impossible, which the server has been told."""
        try:
            with self._loading:
                return self._models.get(model_sha256)
        except LimnerError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001  (reported to the server, with the trace on stderr)
            traceback.print_exception(error, file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
        self._send(Unusable(model_sha256=model_sha256, message=message))
        return None

    def _answer(
        self, model: ReadyModel, pictures: Mapping[Target, Picture], started: float, *, beside: bool = False
    ) -> None:
        pixels = [picture.rgb for picture in pictures.values()]
        encode = model.encoder.encode_beside if beside else model.encoder.encode
        encoded = _attempt(next(iter(pictures)), lambda: encode(pixels))
        if not isinstance(encoded, Failed):
            seconds = (time.perf_counter() - started) / len(pictures)
            for (target, picture), features in zip(pictures.items(), encoded, strict=True):
                self._send(_attempt(target, partial(self._store, model, target, picture, features, seconds)))
        elif len(pictures) == 1:
            self._send(encoded)
        else:  # one of several is at fault: they go on one by one
            for target, picture in pictures.items():
                self._answer(model, {target: picture}, time.perf_counter())

    def _find(self, target: Target) -> Picture | Report:
        """The pixels to encode, or the report that there is nothing to encode."""
        return _attempt(target, lambda: self._embedding_or_pixels(target))

    def _embedding_or_pixels(self, target: Target) -> Picture | Encoded:
        size = embedding_size(self._blobs, _key(target))
        if size is not None:
            return Encoded(target=target, seconds=0, bytes=size)
        data = self._blobs.get(image_key(target.image_sha256))
        rgb = decode_image(data, max_pixels=self._settings.max_pixels).rgb
        height, width, _ = rgb.shape
        if target.region is not None:
            target.region.check(height, width)
            rgb = np.ascontiguousarray(target.region.of(rgb))  # lets go of the rest of the image
        return Picture(rgb, height, width)

    def _store(self, model: ReadyModel, target: Target, picture: Picture, features: Arrays, seconds: float) -> Encoded:
        ended = time.time()
        size = picture.image_height, picture.image_width
        data = packed_embedding(features, target.image_sha256, model.loaded, size, target.region)
        self._blobs.put(_key(target), data)
        return Encoded(target=target, seconds=seconds, bytes=len(data), ended=ended)


def _is_beside(request: Request) -> bool:
    return isinstance(request, Encode) and request.beside


def _key(target: Target) -> str:
    return embedding_key(target.image_sha256, target.model_sha256, PREPROCESSING_VERSION, region=target.region)


def _attempt(target: Target, action: Callable[[], T]) -> T | Failed:
    """What ``action`` returns, or the report that it failed; no fault of one image may end the process.

    Faults of the surroundings, such as a full disk, are not held against the image.
    """
    try:
        return action()
    except LimnerError as error:
        lasting = isinstance(error, InvalidInput | ModelError)
        return Failed(target=target, code=error.code, message=str(error), lasting=lasting)
    except Exception as error:  # noqa: BLE001  (reported to the server, with the trace on stderr)
        traceback.print_exception(error, file=sys.stderr)
        return Failed(
            target=target,
            code=EncoderFailed.code,
            message=f"{type(error).__name__}: {error}",
            lasting=not isinstance(error, OSError),
        )


def main() -> int:
    """Serve stdin until it ends; 1 when the model could not be loaded."""

    def start(settings: Settings, say: Say) -> Serve:
        worker = Worker(settings, say)
        return lambda lines: worker.serve(parse_request(line) for line in lines)

    return run_child(start)


if __name__ == "__main__":
    sys.exit(main())
