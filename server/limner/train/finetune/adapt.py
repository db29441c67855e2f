"""What of a model learns.

LoRA (Hu et al. 2021, arXiv:2106.09685): a frozen matrix W of the attention becomes W + B·A with B (out, r) and
A (r, in), r small. B begins at zero, so that the model begins as it was. Written out, both are one matrix again, under
W's name.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from limner.errors import InvalidInput
from limner.sam.model import PromptableModel

Adapt = Literal["decoder", "encoder", "lora"]
ATTENTION = ("qkv", "proj", "project")  # last parts of the names of the encoders' linear layers that LoRA adds to


@dataclass(frozen=True)
class Adaptation:
    """What learns.

    Attributes:
        adapt: "decoder": prompt encoder and mask decoder, the image encoder is frozen. "encoder": everything. "lora":
            prompt encoder, mask decoder, and a low-rank addition to the encoder's attention.
        rank: r of LoRA.
    """

    adapt: Adapt = "decoder"
    rank: int = 8


class LowRankLinear(nn.Linear):
    """A linear layer whose frozen matrix W (out, in) is joined by B (out, r), zero at first, times A (r, in)."""

    def __init__(self, plain: nn.Linear, rank: int) -> None:
        super().__init__(plain.in_features, plain.out_features, plain.bias is not None, device="meta")
        self.weight, self.bias = plain.weight, plain.bias
        like = plain.weight
        self.up = nn.Parameter(like.new_zeros(plain.out_features, rank))
        self.down = nn.Parameter(torch.randn(rank, plain.in_features).to(like) / plain.in_features**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias) + F.linear(F.linear(x, self.down), self.up)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """A plain layer that does the same."""
        plain = nn.Linear(self.in_features, self.out_features, self.bias is not None, device="meta")
        plain.weight = nn.Parameter(self.weight + self.up @ self.down, requires_grad=False)
        plain.bias = self.bias
        return plain


def adapt_model(model: PromptableModel, adaptation: Adaptation) -> None:
    """Freeze and extend the model in place, so that what learns is what requires a gradient.

    Raises:
        InvalidInput: when the encoder has no attention that LoRA could add to.
    """
    encoder = model.get_submodule(model.encoder_name)
    encoder.requires_grad_(adaptation.adapt == "encoder")
    if adaptation.adapt != "lora":
        return
    names = [
        name
        for name, layer in encoder.named_modules()
        if isinstance(layer, nn.Linear) and name.rsplit(".", 1)[-1] in ATTENTION
    ]
    if not names:
        raise InvalidInput(
            f"The encoder of {model.config.family} has no attention for LoRA to add to.", hint="Use --adapt encoder."
        )
    for name in names:
        layer = encoder.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        encoder.set_submodule(name, LowRankLinear(layer, adaptation.rank))


def merged(model: PromptableModel) -> PromptableModel:
    """A copy in which low-rank additions have become part of the matrices: the official names again."""
    plain = copy.deepcopy(model)
    for name, layer in list(plain.named_modules()):
        if isinstance(layer, LowRankLinear):
            plain.set_submodule(name, layer.merged())
    return plain
