"""How far a detector's answers are from what they are to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from limner.heads.detector import Detections
from limner.train.detector.examples import UNKNOWN
from limner.train.detector.targets import Targets

BOX_WEIGHT, CATEGORY_WEIGHT = 2.0, 1.0
SHARPNESS = 2.0  # beta of the quality focal loss


class Losses(NamedTuple):
    """Parts of the loss, of a batch."""

    objectness: Tensor
    box: Tensor
    category: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.objectness + BOX_WEIGHT * self.box + CATEGORY_WEIGHT * self.category


def losses(found: Detections, wanted: Sequence[Targets]) -> Losses:
    """Of B images; each part is a mean over the cells that are to say an object.

    Objectness: quality focal loss (Li et al. 2020, arXiv:2006.04388) towards the IoU of the cell's box with its
    object's. Boxes: generalised IoU (Rezatofighi et al. 2019, arXiv:1902.09630). Categories: cross entropy.
    """
    objects = torch.stack([each.objects for each in wanted])  # (B, N)
    seen = torch.stack([each.seen for each in wanted])
    batch, cells = torch.nonzero(objects >= 0, as_tuple=True)
    count = max(1, len(batch))
    offsets = [0]
    for each in wanted:
        offsets.append(offsets[-1] + len(each.boxes))
    which = objects[batch, cells] + torch.tensor(offsets)[batch]
    truth = torch.cat([each.boxes for each in wanted])[which]  # (P, 4)
    iou, generalised = box_ious(found.boxes[batch, cells], truth)
    quality = torch.zeros_like(found.objectness)
    quality[batch, cells] = iou.detach().clamp(0, 1)
    entropy = F.binary_cross_entropy_with_logits(found.objectness, quality, reduction="none")
    focal = entropy * (quality - found.objectness.sigmoid()).abs().pow(SHARPNESS)
    objectness = focal[seen].sum() / count
    box = (1 - generalised).sum() / count
    category = objectness.new_zeros(())
    if found.categories.shape[-1]:
        named = torch.cat([each.categories for each in wanted])[which]
        if bool((named != UNKNOWN).any()):
            category = F.cross_entropy(found.categories[batch, cells], named, ignore_index=UNKNOWN)
    return Losses(objectness, box, category)


def box_ious(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes (P, 4) and (P, 4) -> IoU (P,) and generalised IoU (P,) of each pair."""
    overlap = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp_min(0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - overlap
    around = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1).clamp_min(1e-6)
    iou = overlap / union.clamp_min(1e-6)
    return iou, iou - (around - union) / around
