"""The suggesting process: ``python -m limner.workers.suggest``, started and fed by ``limner.suggesting.runner``.

It works on embeddings that are stored, and makes and stores those that are not. It runs at low priority, reads requests
from stdin and reports on stdout (``limner.suggesting.protocol``), and ends when stdin does.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import torch

from limner.config import Settings
from limner.errors import InvalidInput, LimnerError, ModelError
from limner.heads.finding import DetectedFinder
from limner.heads.labelled import masks_of_marked
from limner.models.text_detectors import parse_phrases
from limner.segment.automatic import AutomaticMaskGenerator
from limner.segment.embedding import ImageEmbedding
from limner.segment.of_boxes import BoxMask, masks_of_boxes
from limner.segment.predictor import Predictor
from limner.segment.similar import SimilarFinder
from limner.segment.uncertainty import assess
from limner.suggesting.protocol import (
    Assessed,
    Cancel,
    Cancelled,
    ExampleMask,
    Failed,
    FoundMask,
    Loading,
    Progress,
    Ready,
    Report,
    Suggest,
    Suggested,
    Unusable,
    parse_request,
)
from limner.vocabulary import rle
from limner.vocabulary.suggested import (
    BOX_THRESHOLD,
    MAX_SUGGESTIONS,
    Assess,
    Detected,
    Everything,
    Marked,
    Phrases,
    Similar,
)
from limner.workers.child_main import run_child
from limner.workers.segmenters import Opened, Segmenter, Segmenters, threads_of

REPORT_EVERY = 8  # prompts

Send = Callable[[Report], None]


class _StoppedError(Exception):
    """Nobody wants the answer any more."""


class Worker:
    """Answers one request after the other.

    Args:
        settings: as the server has them.
        send: takes a report to the server; called from one thread at a time.
    """

    def __init__(self, settings: Settings, send: Send) -> None:
        self._send = send
        self._threads = threads_of(settings)
        # Batches of points are worked on in threads of ours: torch's would wait for each other.
        torch.set_num_threads(1)
        self._segmenters = Segmenters(settings)
        self._lock = threading.Lock()
        self._unwanted: set[int] = set()  # guarded by the lock
        send(Ready())

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
        """No fault of an image or a model may end the process; those of the surroundings are not held against them."""
        try:
            segmenter = self._segmenters.get(request.model_sha256, lambda: self._send(Loading(id=request.id)))
            if request.detector_sha256 is not None:
                self._segmenters.detector(request.detector_sha256)
            if request.text_detector is not None:
                self._send(Loading(id=request.id))
                self._segmenters.text_detector(request.text_detector)
        except ModelError as error:
            return Unusable(id=request.id, message=str(error))
        except Exception as error:  # noqa: BLE001  (reported to the server, with the trace on stderr)
            traceback.print_exception(error, file=sys.stderr)
            return Unusable(id=request.id, message=f"The model cannot be loaded: {type(error).__name__}: {error}")
        try:
            opened = segmenter.open(request.image_sha256)
            match request.request:
                case Everything() as everything:
                    found = self._everything(request.id, segmenter.predictor, opened.embedding, everything)
                case Similar():
                    found = self._similar(request, segmenter, opened.embedding)
                case Detected() as detected:
                    found = self._detected(request, segmenter.predictor, opened.embedding, detected)
                case Phrases() as phrases:
                    found = self._named(request, segmenter, opened.embedding, phrases)
                case Marked() as marked:
                    found = self._marked(request, segmenter.predictor, opened.embedding, marked)
                case Assess():
                    return self._assessed(request.id, segmenter.predictor, opened)
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

    def _everything(
        self, request_id: int, predictor: Predictor, embedding: ImageEmbedding, asked: Everything
    ) -> list[FoundMask]:
        on_cpu = self._segmenters.device.type == "cpu"
        generator = AutomaticMaskGenerator(
            predictor,
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

    def _similar(self, request: Suggest, segmenter: Segmenter, embedding: ImageEmbedding) -> list[FoundMask]:
        finder = SimilarFinder(
            segmenter.predictor,
            [segmenter.exemplar(each.image_sha256, _mask(each)) for each in request.examples],
            [segmenter.exemplar(each.image_sha256, _mask(each)) for each in request.refused],
            threads=self._threads if self._segmenters.device.type == "cpu" else 1,
        )
        return [
            FoundMask(
                size=embedding.image_size,
                counts=each.mask["counts"],
                score=each.score,
                stability=each.stability,
                prompt={"points": [[*each.point, 1]]} | ({} if each.box is None else {"box": list(each.box)}),
                category_id=request.examples[each.example].category_id,
            )
            for each in finder.find(embedding, lambda done, total: self._progress(request.id, done, total))
        ]

    def _detected(
        self, request: Suggest, predictor: Predictor, embedding: ImageEmbedding, asked: Detected
    ) -> list[FoundMask]:
        if request.detector_sha256 is None:
            raise InvalidInput("The request names no detector.", hint="Server and worker are of different versions.")
        loaded = self._segmenters.detector(request.detector_sha256)
        finder = DetectedFinder(
            predictor,
            loaded.detector,
            least=asked.objectness,
            threads=self._threads if self._segmenters.device.type == "cpu" else 1,
        )
        return [
            FoundMask(
                size=embedding.image_size,
                counts=each.mask["counts"],
                score=each.score,
                stability=each.stability,
                prompt={"box": list(each.asked.box), "detector": loaded.card.name},
                category_id=loaded.category_of(each.asked.category, request.project_id),
            )
            for each in finder.find(embedding, lambda done, total: self._progress(request.id, done, total))
        ]

    def _named(
        self, request: Suggest, segmenter: Segmenter, embedding: ImageEmbedding, asked: Phrases
    ) -> list[FoundMask]:
        if request.text_detector is None:
            raise InvalidInput("The request names no text detector.", hint="Server and worker differ in version.")
        phrases = parse_phrases(asked.text)
        usual = BOX_THRESHOLD if asked.box_threshold is None else asked.box_threshold
        least = {phrase: request.box_thresholds.get(phrase, usual) for phrase in phrases}
        answers = self._segmenters.text_detector(request.text_detector).find(
            segmenter.pixels(request.image_sha256),
            phrases,
            box_threshold=min(least.values()),
            text_threshold=asked.text_threshold,
        )
        boxes = [each for each in answers if each.score >= least[each.phrase]]
        found = masks_of_boxes(
            segmenter.predictor,
            embedding,
            [(each.box, each.score, each) for each in boxes],
            lambda done, total: self._progress(request.id, done, total),
            threads=self._threads if self._segmenters.device.type == "cpu" else 1,
        )
        return [
            _mask_of_box(
                embedding,
                each,
                {
                    "box": list(each.asked.box),
                    "confidence": each.asked.score,
                    "phrase": each.asked.phrase,
                    "detector": request.text_detector,
                },
                request.categories.get(each.asked.phrase),
            )
            for each in sorted(found, key=lambda each: -each.score)
        ]

    def _marked(
        self, request: Suggest, predictor: Predictor, embedding: ImageEmbedding, asked: Marked
    ) -> list[FoundMask]:
        found = masks_of_marked(
            predictor,
            embedding,
            asked.objects,
            lambda done, total: self._progress(request.id, done, total),
            threads=self._threads if self._segmenters.device.type == "cpu" else 1,
        )
        return [
            _mask_of_box(embedding, each, {"box": list(each.asked.box)}, each.asked.category_id)
            for each in sorted(found, key=lambda each: -each.score)
        ]

    def _assessed(self, request_id: int, predictor: Predictor, opened: Opened) -> Assessed:
        assessment = assess(predictor, opened.embedding, lambda done, total: self._progress(request_id, done, total))
        return Assessed(
            id=request_id,
            predicted_iou=assessment.predicted_iou,
            stability=assessment.stability,
            agreement=assessment.agreement,
            vector=tuple(assessment.vector.tolist()),
            stored=opened.stored,
        )

    def _progress(self, request_id: int, done: int, total: int) -> None:
        """Tell how far it is, or stop when nobody wants the answer any more."""
        self._check(request_id)
        if done % REPORT_EVERY == 0 or done == total:
            self._send(Progress(id=request_id, done=done, total=total))

    def _check(self, request_id: int) -> None:
        """Stop when nobody wants the answer any more."""
        with self._lock:
            if request_id in self._unwanted:
                raise _StoppedError


def _mask(example: ExampleMask) -> rle.Rle:
    return rle.Rle(size=list(example.size), counts=example.counts)


def _mask_of_box(
    embedding: ImageEmbedding, found: BoxMask[Any], prompt: dict[str, Any], category_id: int | None
) -> FoundMask:
    return FoundMask(
        size=embedding.image_size,
        counts=found.mask["counts"],
        score=found.score,
        stability=found.stability,
        prompt=prompt,
        category_id=category_id,
    )


def _rle(mask: object) -> tuple[tuple[int, int], str]:
    assert isinstance(mask, dict), "asked for as COCO RLE"
    height, width = mask["size"]
    return (height, width), mask["counts"]


def main() -> int:
    """Serve stdin until it ends; 1 when there is no device as the settings want it."""
    return run_child(lambda settings, say: Worker(settings, say).serve)


if __name__ == "__main__":
    sys.exit(main())
