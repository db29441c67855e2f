"""A trained detector as a folder: weights, graph and card, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from limner.atomic import new_folder
from limner.errors import Conflict
from limner.heads.detector import Detector
from limner.heads.files import detector_from, save_detector
from limner.models.catalogue import WEIGHTS_FILE, sha256_of
from limner.models.detectors import (
    DETECTOR_CARD,
    DETECTOR_GRAPH,
    DetectorCard,
    DetectorCategory,
    DetectorJudgement,
    InstalledDetector,
)
from limner.models.manifest import PREPROCESSING_VERSION
from limner.train.detector.choosing import Chosen
from limner.train.detector.examples import Example
from limner.train.detector.judging import Figures
from limner_onnx.detector import export_detector


@dataclass(frozen=True)
class Origin:
    """What a detector was trained for and from.

    Attributes:
        model: name of the model whose embeddings it reads.
        model_sha256: of that model's weights.
        project_id: of the project that it learned from, if it was one.
        project: the project's name, or those of the sources.
        categories: of the examples, in the order of their indices.
    """

    model: str
    model_sha256: str
    project_id: int | None
    project: str
    categories: tuple[DetectorCategory, ...]


def write_chosen(chosen: Chosen, folder: Path, origin: Origin, *, seed: int = 0) -> InstalledDetector:
    """Write a project's own detector with what it was judged at; see :func:`write_detector`."""
    judged = chosen.judgement
    return write_detector(
        chosen.network,
        folder,
        origin,
        chosen.learned,
        steps=chosen.steps,
        seed=seed,
        seconds=chosen.seconds,
        figures=None if judged is None else judged.own,
        judgement=None if judged is None else judged.on_card(),
    )


def write_detector(
    detector: Detector,
    folder: Path,
    origin: Origin,
    examples: Sequence[Example],
    *,
    steps: int,
    seed: int,
    seconds: float,
    figures: Figures | None,
    judgement: DetectorJudgement | None = None,
) -> InstalledDetector:
    """Write a detector as the folder ``folder``, whose name is the detector's.

    Args:
        detector: trained.
        folder: must not exist.
        origin: what it was trained for and from.
        examples: that it learned from.
        steps: of training.
        seed: of its chance.
        seconds: that it took.
        figures: measured on images that it did not learn from, if there are any.
        judgement: on it, where it was compared with another.

    Raises:
        Conflict: there is such a folder.
        ExportFailed: the graph answers otherwise than torch.
    """
    if folder.exists():
        raise Conflict(f"There is a detector called {folder.name}.", hint="Choose another --name.")
    with new_folder(folder) as fresh:
        weights, graph = fresh / WEIGHTS_FILE, fresh / DETECTOR_GRAPH
        save_detector(detector, weights)
        export_detector(detector_from(weights, detector.config), graph)  # of the weights as they are loaded again
        measured: dict[str, JsonValue] = {} if figures is None else asdict(figures)
        card = DetectorCard(
            name=folder.name,
            weights_sha256=sha256_of(weights),
            graph_sha256=sha256_of(graph),
            model_sha256=origin.model_sha256,
            model=origin.model,
            preprocessing_version=PREPROCESSING_VERSION,
            image_size=detector.config.image_size,
            features=detector.config.features,
            project_id=origin.project_id,
            project=origin.project,
            categories=origin.categories,
            told_apart=detector.config.categories > 0,
            widths=detector.config.widths,
            head=detector.config.head,
            images=len(examples),
            masks=sum(len(each.masks) for each in examples),
            steps=steps,
            seed=seed,
            seconds=round(seconds, 1),
            created=datetime.now(UTC),
            quality=measured,
            judgement=judgement,
        )
        (fresh / DETECTOR_CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return InstalledDetector(card, folder, bundled=False)
