"""Open-vocabulary detectors of ``transformers``: phrases -> boxes on an image (the extra ``text``).

A checkpoint is a folder as ``transformers`` saves it: ``config.json``, weights, and the files of its processor. The
families are Grounding DINO (also MM-Grounding-DINO and LLMDet), OWLv2 and OmDet-Turbo. Nothing is ever fetched here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limner.errors import ModelError
from limner.models.text_detectors import family_of
from limner.segment.automatic.boxes import suppress
from limner.segment.of_boxes import Box
from limner.vocabulary.suggested import BOX_THRESHOLD, TEXT_THRESHOLD

APART = 0.7  # IoU of boxes above which the better one stays


@dataclass(frozen=True)
class TextBox:
    """Where a detector sees what a phrase names: x0, y0, x1, y1 in image pixels, inside the image; score 0 to 1."""

    box: Box
    score: float
    phrase: str


class TextDetector:
    """A checkpoint, loaded.

    Args:
        folder: with its files.
        device: where it runs.

    Raises:
        MissingWeights: the folder holds no checkpoint.
        ModelError: ``transformers`` is not installed, or the checkpoint is of no family that is known, or damaged.
    """

    def __init__(self, folder: Path, device: torch.device | str = "cpu") -> None:
        self.family = family_of(folder)
        self.folder = folder
        try:
            transformers: Any = import_module("transformers")
        except ImportError as error:
            raise ModelError(
                f"Detectors that read text need transformers: {error}.", hint="Install it: pip install 'limner[text]'"
            ) from error
        transformers.utils.logging.disable_progress_bar()
        try:
            self._processor = transformers.AutoProcessor.from_pretrained(folder, local_files_only=True)
            model = transformers.AutoModelForZeroShotObjectDetection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ModelError(
                f"The text detector in {folder} cannot be loaded: {reason}", hint="Save or copy the checkpoint again."
            ) from error
        self._model = model.to(device).eval()
        self._device = torch.device(device)

    def fingerprint(self) -> str:
        """The sha256 of all weights in the folder, by which answers are known to be by the same detector."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.glob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @torch.inference_mode()
    def find(
        self,
        rgb: NDArray[np.uint8],
        phrases: Sequence[str],
        *,
        box_threshold: float = BOX_THRESHOLD,
        text_threshold: float = TEXT_THRESHOLD,
    ) -> list[TextBox]:
        """Boxes on an image (H, W, 3), best first; each object once for each phrase.

        Args:
            rgb: the image.
            phrases: what is looked for, as :func:`parse_phrases` gives them.
            box_threshold: least score of a box.
            text_threshold: least score of a word of a phrase for it to be meant; Grounding DINO's families alone tell.
        """
        from PIL import Image

        height, width = rgb.shape[:2]
        padded = {"padding": True, "truncation": True} if self.family == "owlv2" else {}
        inputs = self._processor(images=Image.fromarray(rgb), text=[list(phrases)], return_tensors="pt", **padded)
        outputs = self._model(**inputs.to(self._device))
        options: dict[str, Any] = {"threshold": box_threshold, "target_sizes": [(height, width)]}
        if "grounding-dino" in self.family:
            options |= {"text_threshold": text_threshold, "input_ids": inputs["input_ids"]}
        else:
            options |= {"text_labels": [list(phrases)]}
        (answer,) = self._processor.post_process_grounded_object_detection(outputs, **options)
        boxes = answer["boxes"].float().cpu().numpy().reshape(-1, 4).clip(0, [width, height, width, height])
        found = [
            TextBox((x0, y0, x1, y1), min(1.0, max(0.0, score)), phrase)
            for (x0, y0, x1, y1), score, said in zip(
                boxes.astype(float).tolist(),
                answer["scores"].float().cpu().tolist(),
                answer["text_labels"],
                strict=True,
            )
            if (phrase := meant(said, phrases)) is not None and x1 > x0 and y1 > y0
        ]
        return [each for phrase in phrases for each in _apart([box for box in found if box.phrase == phrase])]


def _apart(found: Sequence[TextBox]) -> list[TextBox]:
    boxes = np.asarray([each.box for each in found], np.float64).reshape(-1, 4)
    return [found[index] for index in suppress(boxes, np.asarray([each.score for each in found], np.float64), APART)]


def meant(said: str, phrases: Sequence[str]) -> str | None:
    """Which phrase a detector means that answers with some of the caption's words; None when none has any of them.

    Of several the one that shares the largest part of both counts, the first of equal ones.
    """
    words = set(said.lower().replace(".", " ").split())
    shares = {}
    for phrase in phrases:
        own = set(phrase.split())
        shares[phrase] = len(words & own) / max(1, len(words | own))
    best = max(shares, key=lambda phrase: shares[phrase])
    return best if shares[best] > 0 else None
