from __future__ import annotations

import itertools

import pytest
import torch

from limner.train.losses import ambiguous_loss, edge_loss, instance_loss, mask_loss, true_iou


def nested_targets() -> torch.Tensor:
    targets = torch.zeros(1, 3, 16, 16)
    targets[0, 0, 6:10, 6:10] = 1
    targets[0, 1, 4:12, 4:12] = 1
    targets[0, 2, 1:15, 1:15] = 1
    return targets


def as_logits(masks: torch.Tensor) -> torch.Tensor:
    return (masks * 2 - 1) * 12


def test_a_perfect_mask_costs_nothing_and_its_complement_much() -> None:
    target = nested_targets()[0]
    assert (mask_loss(as_logits(target), target) < 1e-2).all()
    assert (mask_loss(-as_logits(target), target) > 10).all()


def test_masks_are_matched_to_targets_in_any_order() -> None:
    targets = nested_targets()
    shuffled = torch.cat([targets[:, :1], targets[:, [2, 0, 1]]], dim=1)  # token 0, then masks 1 to 3
    iou = torch.tensor([[1.0, *true_iou(as_logits(targets[:, [2]]), targets[:, :1])[0], 1.0, 0.25]])
    result = ambiguous_loss(as_logits(shuffled), iou, targets, torch.ones(1, 3))
    assert result.mask < 1e-2
    assert result.iou < 1e-6
    assert result.answer.item() == 2


def test_absent_targets_do_not_count() -> None:
    targets = nested_targets()
    targets[:, 1:] = 0
    logits = as_logits(torch.cat([targets[:, :1], targets[:, :1], torch.ones(1, 2, 16, 16)], dim=1))
    result = ambiguous_loss(logits, torch.ones(1, 4), targets, torch.tensor([[1.0, 0, 0]]))
    assert result.mask < 1e-2
    assert result.answer.item() == 1


def test_the_matching_is_the_cheapest_of_all_and_gradients_are_those_of_the_pairs_in_it() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = (4 * torch.randn(5, 4, 16, 16, generator=generator)).requires_grad_()
    targets = (torch.rand(5, 3, 16, 16, generator=generator) < 0.3).float()
    present = torch.tensor([[1.0, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]])
    result = ambiguous_loss(logits, torch.zeros(5, 4), targets, present)

    expected, answers = logits.new_zeros(()), []
    for mine, wanted, real in zip(logits, targets, present, strict=True):
        weights = real * torch.tensor([1.0, 0.5, 0.5])
        losses = {
            order: (mask_loss(mine[1:][list(order)], wanted) * weights).sum() / weights.sum()
            for order in itertools.permutations(range(3))  # which mask answers each target
        }
        best = min(losses, key=lambda order: losses[order].item())
        answers.append(1 + best[0])
        expected = expected + (losses[best] + 0.6 * mask_loss(mine[0], wanted[0])) / 5
    assert result.answer.tolist() == answers
    assert result.mask.item() == pytest.approx(expected.item(), rel=1e-5)
    (got,) = torch.autograd.grad(result.mask, logits)
    (wanted_gradient,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(got, wanted_gradient, rtol=1e-4, atol=1e-7)


def test_predicted_iou_learns_the_intended_target() -> None:
    targets = nested_targets()
    logits = as_logits(torch.cat([targets[:, :1], targets], dim=1))
    iou = torch.ones(1, 4, requires_grad=True)
    ambiguous_loss(logits, iou, targets, torch.ones(1, 3)).iou.backward()
    assert iou.grad is not None
    assert torch.equal(iou.grad[0] > 0, torch.tensor([False, False, True, True]))


def test_instance_vectors_that_agree_with_the_labels_cost_less() -> None:
    labels = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    labels[:, 0, :, 4:] = 1
    good = torch.zeros(1, 4, 8, 8)
    good[..., 4:] = 5
    losses = [
        instance_loss(vectors, labels, torch.Generator().manual_seed(0)) for vectors in (good, good.flip(2, 3) * 0)
    ]
    assert losses[0] < 0.1 * losses[1]


def test_edges() -> None:
    edges = torch.zeros(1, 2, 8, 8, dtype=torch.bool)
    edges[..., 4] = True
    assert edge_loss(as_logits(edges.float()), edges) < 1e-3 < edge_loss(torch.zeros(1, 2, 8, 8), edges)
