"""Models that make masks in the suggesting process, each with the embeddings that it has open."""

from __future__ import annotations

import gc
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from limner.blobs import BlobStore, embedding_key, image_key
from limner.config import Settings
from limner.encoding.images import decode_image
from limner.encoding.wire import unpack
from limner.errors import NotFound
from limner.heads.detector import Detector
from limner.heads.files import load_detector
from limner.heads.text import TextDetector
from limner.models.catalogue import check_name
from limner.models.detectors import DetectorCard, detector_by_weights
from limner.models.manifest import PREPROCESSING_VERSION
from limner.models.registry import LoadedModel, load_by_weights
from limner.models.text_detectors import text_detector_folder
from limner.segment.embedding import ImageEmbedding
from limner.segment.exemplars import Exemplar, exemplar
from limner.segment.predictor import Predictor
from limner.suggesting.protocol import Stored
from limner.vocabulary import rle
from limner.workers.encoder import Encoder, choose_device
from limner.workers.packing import packed_embedding

KEPT = 8  # embeddings in memory, of each model
KEPT_DETECTORS = 4  # in memory; each is some megabytes
KEPT_EXEMPLARS = 256  # likewise; each is a few hundred numbers


@dataclass(frozen=True)
class LoadedDetector:
    """A detector on the device, and what is known of it."""

    card: DetectorCard
    detector: Detector

    def category_of(self, index: int | None, project_id: int | None) -> int | None:
        """The number of the category that the network names, if it learned from this project.

        Args:
            index: of the network's answer; None where it tells none apart.
            project_id: whose categories are meant.
        """
        categories = self.card.categories
        if self.card.project_id is None or self.card.project_id != project_id:
            return None
        if index is not None:
            return categories[index].id
        return categories[0].id if len(categories) == 1 else None


@dataclass(frozen=True)
class Opened:
    """The embedding of an image, and what it took if it had to be made."""

    embedding: ImageEmbedding
    stored: Stored | None = None


class Segmenter:
    """A loaded model, and the embeddings of images by it: from memory, from the blobs, or made now.

    Attributes:
        predictor: the model, on the device.
    """

    def __init__(self, loaded: LoadedModel, settings: Settings, blobs: BlobStore, device: torch.device) -> None:
        self._loaded = loaded
        self._settings = settings
        self._blobs = blobs
        self._device = device
        self._known: OrderedDict[str, ImageEmbedding] = OrderedDict()  # the one used last comes last
        self._exemplars: OrderedDict[tuple[str, str], Exemplar] = OrderedDict()
        self.predictor = Predictor(loaded, device=device)

    def open(self, sha256: str) -> Opened:
        """The embedding of an image, of which only the file must be stored.

        Raises:
            NotFound: not even that is there.
            InvalidInput: it is no image.
        """
        known = self._known.get(sha256)
        if known is not None:
            self._known.move_to_end(sha256)
            return Opened(known)
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
        return Opened(embedding, stored)

    def exemplar(self, sha256: str, mask: rle.Rle) -> Exemplar:
        """A mask of an image as an example; the same again costs nothing.

        Raises:
            NotFound, InvalidInput: as :meth:`open`, or the mask is none of this image.
        """
        key = sha256, mask["counts"]
        if key not in self._exemplars:
            self._exemplars[key] = exemplar(self.open(sha256).embedding, mask)
            if len(self._exemplars) > KEPT_EXEMPLARS:
                self._exemplars.popitem(last=False)
        return self._exemplars[key]

    def pixels(self, sha256: str) -> NDArray[np.uint8]:
        """RGB (H, W, 3) of an image.

        Raises:
            NotFound, InvalidInput: as :meth:`open`.
        """
        return decode_image(self._blobs.get(image_key(sha256)), max_pixels=self._settings.max_pixels).rgb

    def _encode(self, sha256: str) -> bytes:
        rgb = self.pixels(sha256)
        encoder = Encoder(self._loaded.model, self._device, cpu_precision=self._loaded.cpu_precision)
        torch.set_num_threads(threads_of(self._settings))
        try:
            (features,) = encoder.encode([rgb])
        finally:
            torch.set_num_threads(1)
        return packed_embedding(features, sha256, self._loaded, rgb.shape[:2])


class Segmenters:
    """Models, loaded when they are asked for; at most ``settings.encoder_models`` at once.

    The one that was used longest ago makes room.

    Args:
        settings: as the server has them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._blobs = BlobStore(settings.resolved_blob_url)
        self._segmenters: OrderedDict[str, Segmenter] = OrderedDict()  # the one used last comes last
        self._detectors: OrderedDict[str, LoadedDetector] = OrderedDict()  # likewise
        self._text: tuple[str, TextDetector] | None = None  # by its name
        self.device = choose_device(settings.device)

    def get(self, model_sha256: str, on_load: Callable[[], None]) -> Segmenter:
        """The model with these weights.

        Args:
            model_sha256: of the weights.
            on_load: called before it is loaded, if it has to be.

        Raises:
            ModelError: it is not installed, or cannot be loaded.
        """
        if model_sha256 not in self._segmenters:
            on_load()
            while len(self._segmenters) >= self._settings.encoder_models:  # so that both never need memory at once
                self._segmenters.popitem(last=False)
            gc.collect()
            loaded = load_by_weights(model_sha256, self._settings.home)
            self._segmenters[model_sha256] = Segmenter(loaded, self._settings, self._blobs, self.device)
        self._segmenters.move_to_end(model_sha256)
        return self._segmenters[model_sha256]

    def detector(self, weights_sha256: str) -> LoadedDetector:
        """The detector with these weights.

        Raises:
            ModelError: it is not there, or its weights have changed.
        """
        if weights_sha256 not in self._detectors:
            found = detector_by_weights(self._settings.home, weights_sha256)
            self._detectors[weights_sha256] = LoadedDetector(found.card, load_detector(found).to(self.device))
            if len(self._detectors) > KEPT_DETECTORS:
                self._detectors.popitem(last=False)
        self._detectors.move_to_end(weights_sha256)
        return self._detectors[weights_sha256]

    def text_detector(self, name: str) -> TextDetector:
        """The text detector of this name; one stays loaded.

        Raises:
            ModelError: it is not there, cannot be loaded, or ``transformers`` is not installed.
        """
        if self._text is None or self._text[0] != name:
            self._text = None  # so that both never need memory at once
            gc.collect()
            folder = text_detector_folder(self._settings.home, check_name(name))
            self._text = name, TextDetector(folder, self.device)
        return self._text[1]


def threads_of(settings: Settings) -> int:
    """How many threads work on one image on the CPU."""
    return settings.encoder_threads or os.cpu_count() or 1
