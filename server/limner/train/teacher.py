"""A teacher: masks of another model on photos that nobody has labelled, for Samlet to learn from.

The teacher segments everything in every photo once; its masks become a folder of pairs in SA-1B's form, one more source
of photos. The prompts are inside the distillation (Zhou et al. 2023, EdgeSAM, arXiv:2312.06660): training clicks into a
mask of the teacher, and then where the student's answer differs from it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from limner.atomic import replacing
from limner.errors import InvalidFile
from limner.train.photos import IMAGE_SUFFIXES
from limner.vocabulary import rle

Segment = Callable[[NDArray[np.uint8]], Iterable[NDArray[np.bool_]]]
"""RGB (H, W, 3) -> masks (H, W): a teacher."""

SOURCE = "teacher"  # of all photos that it has labelled
FOLDER = "taught"  # below the output of a run


def label_photos(teach: Segment, photos: Path, folder: Path) -> int:
    """Label the photos of a folder into pairs X.jpg, X.json in another one; returns how many masks there are.

    It goes on where it was stopped: a photo that has been labelled is not asked about again.

    Raises:
        InvalidFile: when there is no photo, one cannot be decoded, or the teacher found nothing in any.
    """
    paths = sorted(path for path in photos.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise InvalidFile(f"{photos} holds no photos.", hint=f"Files that end in {', '.join(IMAGE_SUFFIXES)}.")
    folder.mkdir(parents=True, exist_ok=True)
    masks = 0
    for path in tqdm(paths, unit="photo"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        document = folder / f"{digest[:24]}.json"
        if not document.exists():
            _label(teach, path, digest, document)
        masks += len(json.loads(document.read_text("utf-8"))["annotations"])
    if not masks:
        raise InvalidFile(f"The teacher found no mask in the photos of {photos}.", hint="Lower its thresholds.")
    return masks


def _label(teach: Segment, path: Path, digest: str, document: Path) -> None:
    """Write the photo and, when that is complete, its masks: whatever interrupts it, a document stands for a pair."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise InvalidFile(f"{path} is no image that can be decoded.")
    masks = teach(np.ascontiguousarray(bgr[..., ::-1], dtype=np.uint8))
    image = document.with_suffix(path.suffix.lower())
    content: dict[str, Any] = {
        "image": {"file_name": image.name, "height": bgr.shape[0], "width": bgr.shape[1], "sha256": digest},
        "source": SOURCE,
        "annotations": [{"segmentation": rle.encode(mask)} for mask in masks],
    }
    with replacing(image) as partial:
        shutil.copyfile(path, partial)
    with replacing(document) as partial:
        partial.write_text(json.dumps(content), "utf-8")
