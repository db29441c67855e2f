"""One batch of simulated conversations: prompt, answer, correction, answer …, with gradients where it pays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from limner.sam.model import DecoderPrompt, Features, PromptableModel
from limner.sam.samlet import AuxiliaryHeads
from limner.train.batches import Batch
from limner.train.clicks import simulated_correction
from limner.train.gpu_clicks import simulated_corrections
from limner.train.losses import (
    ambiguous_loss,
    edge_loss,
    instance_loss,
    true_iou,
    unambiguous_loss,
)
from limner.train.targets import FirstPrompt
from limner.vocabulary.specs import IMAGE_EMBEDDINGS

INSTANCE_WEIGHT, EDGE_WEIGHT = 0.25, 0.5
PREVIOUS_MASK_PROBABILITY = 0.9  # that a round is given the previous logits
SHORT_ROUNDS = ((1, 0.15), (2, 0.4), (3, 0.2), (4, 0.15), (6, 0.1))
PAPER_CORRECTIONS = 8

Metrics = dict[str, float]


@dataclass(frozen=True)
class Round:
    """One further exchange after the first prompt."""

    new_click: bool
    with_gradient: bool


def plan_rounds(rng: np.random.Generator, schedule: Literal["short", "paper"]) -> list[Round]:
    """What follows the first answer.

    "paper" (Kirillov et al. 2023, appendix A): eight corrections and two rounds without a new click, one of
    them last, each with a gradient. "short": up to five corrections, a gradient in the last only; about four
    times cheaper.
    """
    if schedule == "paper":
        new_click = [True] * PAPER_CORRECTIONS
        new_click.insert(int(rng.integers(PAPER_CORRECTIONS)), False)
        return [Round(new, with_gradient=True) for new in [*new_click, False]]
    lengths, probabilities = zip(*SHORT_ROUNDS, strict=True)
    corrections = int(rng.choice(lengths, p=probabilities)) - 1
    return [Round(new_click=True, with_gradient=index == corrections - 1) for index in range(corrections)]


@dataclass
class Conversation:
    """The prompts of a batch so far and the answers to them."""

    points: Tensor  # (P, N, 2) model pixels
    labels: Tensor  # (P, N) float
    logits: Tensor  # (P, h, w) the answer that the next round starts from
    metrics: Metrics = field(default_factory=dict)


def train_on_batch(
    model: PromptableModel,
    heads: AuxiliaryHeads | None,
    batch: Batch,
    rng: np.random.Generator,
    schedule: Literal["short", "paper"],
) -> Metrics:
    """Add the gradients of one batch to the parameters; returns the losses and IoUs on the way.

    The graph is cut between what depends on the image and the rounds, so that only one round is in memory at a time.
    A batch that brings embeddings leaves the encoder alone. `heads` are for completely labelled images.
    """
    device = batch.masks.device
    stride = model.config.image_size // model.config.low_res_size
    split = model.trainable_split()
    targets = batch.masks.float()
    per_image = len(batch.masks) // len(batch.complete)
    with torch.autocast(device.type, torch.bfloat16):
        features: Features
        if batch.embeddings:
            features = {name: values.float() for name, values in batch.embeddings.items()}
        else:
            features = model.encode(batch.images.float().contiguous(memory_format=torch.channels_last))
        prepared = split.prepare(features)
    cut = tuple(tensor.detach().requires_grad_(tensor.requires_grad) for tensor in prepared)

    def answer(talk: Conversation, use_mask: bool) -> tuple[Tensor, Tensor]:
        has_mask = torch.full((len(talk.points),), float(use_mask), device=device)
        with torch.autocast(device.type, torch.bfloat16):
            # Of another layout than contiguous, the gradient of the repetition takes CPUs five times as long.
            repeated = tuple(tensor.contiguous().repeat_interleave(per_image, 0) for tensor in cut)
            prompt = DecoderPrompt(talk.points, talk.labels, talk.logits[:, None], has_mask)
            logits, iou = split.decode(repeated, prompt)
        return logits.float(), iou.float()

    talk = first_prompts(batch)
    logits, iou = answer(talk, use_mask=False)
    first_loss(batch, targets, logits, iou, talk).backward()  # type: ignore[no-untyped-call]
    for step in plan_rounds(rng, schedule):
        if step.new_click:
            add_corrections(talk, targets[:, 0], rng, stride)
        with torch.set_grad_enabled(step.with_gradient):
            logits, iou = answer(talk, use_mask=rng.random() < PREVIOUS_MASK_PROBABILITY)
        if step.with_gradient:
            loss, iou_loss = unambiguous_loss(logits, iou, targets[:, 0])
            (loss + iou_loss).backward()  # type: ignore[no-untyped-call]
            reached = true_iou(logits[:, 0], targets[:, 0]).mean().item()
            talk.metrics |= {"loss_corrected": loss.item(), "iou_corrected": reached}
        talk.logits = logits[:, 0].detach()

    ends = [(tensor, held.grad) for tensor, held in zip(prepared, cut, strict=True) if held.grad is not None]
    if heads is not None:
        auxiliary = auxiliary_loss(heads, features[IMAGE_EMBEDDINGS], batch, rng, talk.metrics)
        ends.append((auxiliary, torch.ones_like(auxiliary)))
    if ends:
        tensors, gradients = zip(*ends, strict=True)
        torch.autograd.backward(tensors, gradients)
    return talk.metrics


def first_prompts(batch: Batch) -> Conversation:
    """A click, a box, or both for every target: always three points, of which some are padding."""
    clicked = (batch.prompts != FirstPrompt.BOX)[:, None]
    boxed = (batch.prompts != FirstPrompt.CLICK)[:, None]
    points = torch.stack([batch.clicks * clicked, batch.boxes[:, :2] * boxed, batch.boxes[:, 2:] * boxed], dim=1)
    padding = torch.full_like(clicked, -1, dtype=torch.float32)
    labels = torch.cat(
        [torch.where(clicked, 1.0, padding), torch.where(boxed, 2.0, padding), torch.where(boxed, 3.0, padding)], dim=1
    )
    return Conversation(points, labels, logits=torch.zeros_like(batch.masks[:, 0], dtype=torch.float32))


def first_loss(batch: Batch, targets: Tensor, logits: Tensor, iou: Tensor, talk: Conversation) -> Tensor:
    """Loss of the first answers; notes in `talk` which of the masks the next round starts from."""
    ambiguous = batch.prompts == FirstPrompt.CLICK
    chosen = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    loss = logits.new_zeros(())
    if ambiguous.any():
        result = ambiguous_loss(logits[ambiguous], iou[ambiguous], targets[ambiguous], batch.present[ambiguous])
        chosen[ambiguous] = result.answer
        loss = loss + (result.mask + result.iou) * ambiguous.float().mean()
        picked = 1 + iou[ambiguous, 1:].argmax(1)  # what a user would be shown
        shown = logits[ambiguous].detach()[torch.arange(len(picked), device=picked.device), picked]
        talk.metrics |= {
            "loss_click": result.mask.item(),
            "iou_click": true_iou(shown, targets[ambiguous, 0]).mean().item(),
            "iou_loss": result.iou.item(),
        }
    if not ambiguous.all():
        clear = ~ambiguous
        mask, iou_loss = unambiguous_loss(logits[clear], iou[clear], targets[clear, 0])
        loss = loss + (mask + iou_loss) * clear.float().mean()
        reached = true_iou(logits[clear, 0], targets[clear, 0]).mean().item()
        talk.metrics |= {"loss_box": mask.item(), "iou_box": reached}
    talk.logits = logits.detach()[torch.arange(len(logits), device=logits.device), chosen]
    return loss


def add_corrections(talk: Conversation, targets: Tensor, rng: np.random.Generator, stride: int) -> None:
    """One more click for every conversation, where the current answer is wrong; `stride` model pixels per cell."""
    predicted, wanted = talk.logits > 0, targets > 0.5
    if predicted.is_cuda:
        generator = torch.Generator(predicted.device).manual_seed(int(rng.integers(2**63)))
        places, labels = simulated_corrections(predicted, wanted, generator)
    else:
        pairs = zip(predicted.numpy(), wanted.numpy(), strict=True)
        clicks = [simulated_correction(prediction, target, rng) for prediction, target in pairs]
        places = torch.tensor([[click.x + 0.5, click.y + 0.5] for click in clicks])
        labels = torch.tensor([float(click.foreground) for click in clicks])
    talk.points = torch.cat([talk.points, stride * places[:, None]], dim=1)
    talk.labels = torch.cat([talk.labels, labels[:, None]], dim=1)


def auxiliary_loss(
    heads: AuxiliaryHeads, embedding: Tensor, batch: Batch, rng: np.random.Generator, metrics: Metrics
) -> Tensor:
    """What the embedding must know by itself, on completely labelled images only."""
    with torch.autocast(embedding.device.type, torch.bfloat16):
        vectors, edges = heads(embedding)
    complete = batch.complete
    if not complete.any():
        return torch.zeros((), device=embedding.device).requires_grad_()
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    instances = instance_loss(vectors[complete], batch.labels[complete], generator)
    outlines = edge_loss(edges[complete], batch.edges[complete])
    metrics |= {"loss_instances": instances.item(), "loss_edges": outlines.item()}
    return INSTANCE_WEIGHT * instances + EDGE_WEIGHT * outlines
