"""Simulated conversations: what depends on the image is shared by all prompts on it."""

from __future__ import annotations

import torch

from limner.train.simulation import repeated


def test_repeated_images_add_up_their_gradients() -> None:
    for shape in ((3, 2, 4, 4), (1, 5)):
        images = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        weights = torch.randn(4 * shape[0], *shape[1:], dtype=torch.float64)
        ours, theirs = repeated(images, 4), images.repeat_interleave(4, 0)
        assert torch.equal(ours, theirs)
        gradients = [torch.autograd.grad((tensor * weights).sum(), images)[0] for tensor in (ours, theirs)]
        torch.testing.assert_close(*gradients)
