"""What the annotator's work amounts to, and how it is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from limner.bench.engine.annotator import Annotated
from limner.quality.thresholds import Bin
from limner.vocabulary.counted import counted


@dataclass(frozen=True)
class StageFigures:
    """One stage on the measured photos of a domain.

    Attributes:
        stage: "by hand", "prefilled" or "verified".
        images: photos.
        objects: that they have.
        masks: that were kept.
        masks_per_image: the same for each photo.
        clicks_per_mask: on the image; accepting and refusing is none.
        seconds_per_mask: of the person, everything for the masks that were kept, also what was refused.
        seconds_per_image: likewise.
        flat_seconds_per_mask: as ``seconds_per_mask``, with the same time for whatever the brush does.
        accepted: suggestions that were of use.
        corrected: of these, those that were not good enough as they were.
        refused: suggestions.
        brushed: masks that clicks were not enough for.
        miou: of the masks that were kept, with the known ones; what is not kept does not count.
    """

    stage: str
    images: int
    objects: int
    masks: int
    masks_per_image: float
    clicks_per_mask: float
    seconds_per_mask: float | None
    seconds_per_image: float
    flat_seconds_per_mask: float | None
    accepted: int
    corrected: int
    refused: int
    brushed: int
    miou: float | None


def stage_figures(stage: str, results: Sequence[Annotated]) -> StageFigures:
    """Over at least one image. Per mask there is nothing to say where none was kept."""
    kept = [mask for each in results for mask in each.kept]
    decisions = [decision for each in results for decision in each.decisions]
    seconds = sum(each.seconds for each in results)
    accepted = sum(each.accepted for each in decisions)
    return StageFigures(
        stage=stage,
        images=len(results),
        objects=sum(each.objects for each in results),
        masks=len(kept),
        masks_per_image=round(len(kept) / len(results), 2),
        clicks_per_mask=round(sum(each.clicks for each in kept) / max(1, len(kept)), 3),
        seconds_per_mask=round(seconds / len(kept), 2) if kept else None,
        seconds_per_image=round(seconds / len(results), 1),
        flat_seconds_per_mask=round(sum(each.flat_seconds for each in results) / len(kept), 2) if kept else None,
        accepted=accepted,
        corrected=sum(each.corrected for each in kept),
        refused=len(decisions) - accepted,
        brushed=sum(each.brushed for each in kept),
        miou=round(float(np.mean([each.iou for each in kept])), 4) if kept else None,
    )


def bins_as_json(bins: Sequence[Bin]) -> list[dict[str, float]]:
    """Acceptance against score; ranges in which nothing was decided are left out."""
    return [asdict(each) for each in bins if each.decided]


def table(domain: Mapping[str, Any]) -> str:
    """The figures of a domain as lines of text."""
    measured = domain["measured"]
    lines = [
        f"{domain['domain']}: {counted(measured['photos'], 'photo')} with {counted(measured['objects'], 'object')}",
        f"{'':<26}{'stage':<11}{'s/mask':>8}{'flat':>7}{'clicks':>8}{'masks/img':>11}{'s/image':>9}"
        f"{'taken':>7}{'corrected':>11}{'refused':>9}{'brushed':>9}{'mIoU':>7}",
    ]
    for state in domain["states"]:
        head = state["state"]
        for each in state["stages"]:
            lines.append(
                f"{head:<26}{each['stage']:<11}{_number(each['seconds_per_mask'], 8, 1)}"
                f"{_number(each['flat_seconds_per_mask'], 7, 1)}"
                f"{each['clicks_per_mask']:8.2f}{each['masks_per_image']:11.1f}{each['seconds_per_image']:9.0f}"
                f"{each['accepted']:7}{each['corrected']:11}{each['refused']:9}{each['brushed']:9}"
                f"{_number(each['miou'], 7, 3)}"
            )
            head = ""
        detector = state.get("detector")
        if detector is not None:
            boxes, masks = detector["boxes"], detector["masks"]
            lines.append(
                f"{'':<26}detector: AP {boxes['ap']:.3f}, AR@100 {boxes['ar100']:.3f}, recall {boxes['recall']:.3f}; "
                f"its masks: AP {masks['ap']:.3f}, AR@100 {masks['ar100']:.3f}"
            )
        if state["acceptance"]:
            shares = (f"{part['low']:.1f}: {part['accepted']}/{part['decided']}" for part in state["acceptance"])
            lines.append(f"{'':<26}accepted by score: {', '.join(shares)}; threshold {state['threshold']:.2f}")
    for each in domain["similar"]:
        got = each["figures"]
        lines.append(
            f"similar, {each['examples']} on the {each['where']} photo: precision {got['best_precision']:.2f}, "
            f"recall {got['best_recall']:.2f} at the best F1, AP {got['average_precision']:.2f}"
        )
    return "\n".join(lines)


def _number(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"
