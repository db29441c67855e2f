"""What a good answer is: focal, dice and IoU losses, and which of three masks answers which of three targets."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FOCAL_WEIGHT = 20.0  # focal : dice : IoU = 20 : 1 : 1, Kirillov et al. 2023, appendix A
FOCAL_GAMMA = 2.0
OTHER_TARGET_WEIGHT = 0.5  # of targets that the click may mean but does not
SINGLE_MASK_WEIGHT = 0.6  # token 0 answers single clicks too
EDGE_POSITIVE_WEIGHT = 3.0
SAMPLED_CELLS = 160  # per image, of which all pairs are compared
_PERMUTATIONS = tuple(itertools.permutations(range(3)))


class AmbiguousLoss(NamedTuple):
    """The losses of single clicks."""

    mask: Tensor  # scalar
    iou: Tensor  # scalar
    answer: Tensor  # (B,) which of masks 1 to 3 answered the intended target


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """20 · focal + dice of each mask: logits and target (..., h, w), broadcast -> (...)."""
    probability = torch.sigmoid(logits)
    entropy = F.softplus(logits) - logits * target
    correct = probability * target + (1 - probability) * (1 - target)
    focal = (entropy * (1 - correct) ** FOCAL_GAMMA).flatten(-2).mean(-1)
    overlap = (probability * target).flatten(-2).sum(-1)
    total = probability.flatten(-2).sum(-1) + target.flatten(-2).sum(-1)
    return FOCAL_WEIGHT * focal + 1 - (2 * overlap + 1) / (total + 1)


@torch.no_grad()
def true_iou(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of masks (..., h, w), logits > 0 against target > 0.5 -> (...)."""
    predicted, wanted = logits > 0, target > 0.5
    union = (predicted | wanted).flatten(-2).sum(-1)
    return (predicted & wanted).flatten(-2).sum(-1).float() / union.clamp(min=1).float()


def unambiguous_loss(logits: Tensor, iou: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mask 0 against the one target. logits (B, 4, h, w), iou (B, 4), target (B, h, w) -> two scalars."""
    reached = true_iou(logits[:, 0], target)
    return mask_loss(logits[:, 0], target).mean(), F.mse_loss(iou[:, 0], reached)


def ambiguous_loss(logits: Tensor, iou: Tensor, targets: Tensor, present: Tensor) -> AmbiguousLoss:
    """Single clicks: masks 1 to 3 are matched one-to-one to up to three nested targets; mask 0 gets the intended one.

    The predicted IoUs learn the IoU with the *intended* target, because that is what choosing between them needs.

    Args:
        logits: (B, 4, h, w).
        iou: (B, 4), predicted.
        targets: (B, 3, h, w), the intended one first.
        present: (B, 3), which of them exist; the first always does.
    """
    owner, target = present.nonzero(as_tuple=True)  # (N,) each: the targets that exist
    weights = torch.where(target == 0, 1.0, OTHER_TARGET_WEIGHT)  # (N,)
    mask_of_target = _matching(logits.detach(), targets, owner, target, weights)  # (B, 3)
    matched = logits.flatten(0, 1).index_select(0, len(logits[0]) * owner + mask_of_target[owner, target])
    share = weights / weights.new_zeros(len(logits)).index_add(0, owner, weights)[owner]  # of its prompt's loss
    loss = (mask_loss(matched, targets[owner, target]) * share).sum() / len(logits)
    single = SINGLE_MASK_WEIGHT * mask_loss(logits[:, 0], targets[:, 0]).mean()
    reached = true_iou(logits, targets[:, :1])  # (B, 4)
    return AmbiguousLoss(loss + single, F.mse_loss(iou, reached), mask_of_target[:, 0])


@torch.no_grad()
def _matching(logits: Tensor, targets: Tensor, owner: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Which of masks 1 to 3 answers each target at the least loss of all: (B, 3). Needs no gradients, and so it is
    computed apart from the loss of those pairs that are matched, which are few.
    """
    costs = weights.new_zeros(len(logits), 3, 3)  # (B, masks, targets)
    pairs = mask_loss(logits[owner, 1:], targets[owner, target][:, None])  # (N, 3 masks)
    costs[owner, :, target] = pairs * weights[:, None]
    permutations = torch.tensor(_PERMUTATIONS, device=logits.device)  # (6, 3): mask for each target
    slots = torch.arange(3, device=logits.device)
    best = costs[:, permutations, slots].sum(-1).argmin(1)  # (B, 6) -> (B,)
    return permutations[best] + 1


def instance_loss(vectors: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Pull cells of one mask together and push others apart, among randomly sampled cells.

    One half of the channels learns wholes, the other the finest masks.
    Vectors (B, C, h, w), labels (B, 3, h, w) -> scalar.
    """
    B, C, height, width = vectors.shape
    cells = torch.randint(0, height * width, (B, SAMPLED_CELLS), generator=generator).to(vectors.device)
    wide = labels.long()
    finest = (wide[:, 0] << 16) + (wide[:, 1] << 8) + wide[:, 2]
    total = vectors.new_zeros(())
    for half, numbers in ((vectors[:, : C // 2], wide[:, 0]), (vectors[:, C // 2 :], finest)):
        picked = torch.gather(half.flatten(2), 2, cells[:, None].expand(-1, half.shape[1], -1))
        picked = picked.transpose(1, 2)  # (B, n, C/2)
        number = torch.gather(numbers.flatten(1), 1, cells)  # (B, n)
        distance = (picked[:, :, None] - picked[:, None]).pow(2).sum(-1)  # (B, n, n)
        same = (number[:, :, None] == number[:, None]).float()
        log_same = math.log(2) - F.softplus(distance)  # 1 at distance zero, falling to 0
        log_different = torch.log1p(-torch.exp(log_same).clamp(max=1 - 1e-4))
        total = total - (log_same * same).sum() / same.sum()
        total = total - (log_different * (1 - same)).sum() / (1 - same).sum().clamp(min=1)
    return total


def edge_loss(logits: Tensor, edges: Tensor) -> Tensor:
    """Edge logits against edges, (B, 2, h, w) each -> scalar."""
    weight = torch.tensor(EDGE_POSITIVE_WEIGHT, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, edges.float(), pos_weight=weight)
