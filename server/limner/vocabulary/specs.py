"""What a promptable model takes and gives, in numbers: the parts of a manifest that torch, server and page all go by.

The defaults are SAM's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Padding = Literal["without_box", "always"]


@dataclass(frozen=True)
class FeatureSpec:
    """One tensor that the image encoder gives: (1, channels, height, width) for one image."""

    name: str
    channels: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """For one image."""
        return 1, self.channels, self.height, self.width


@dataclass(frozen=True)
class PromptSpec:
    """What the decoder can be asked with, beside points and a box.

    Attributes:
        mask: whether a mask prompt (``mask_input``) counts.
        padding: when one padding point (0, 0, label -1) ends the points: only where there is no box, or always.
    """

    mask: bool = True
    padding: Padding = "without_box"


@dataclass(frozen=True)
class MaskSpec:
    """What the decoder answers.

    Attributes:
        count: masks per prompt.
        low_res_size: side of the grid of logits, and of the mask prompt, in cells.
        unambiguous: index of the mask for prompts with one right answer.
        ambiguous: indices of the masks for a lone point (whole, part, subpart); none where a model has only one mask.

    Raises:
        ValueError: when an index is no mask.
    """

    count: int = 4
    low_res_size: int = 256
    unambiguous: int = 0
    ambiguous: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        if min(self.count, self.low_res_size) < 1:
            raise ValueError(f"{self.count} masks of {self.low_res_size} cells are impossible")
        if not all(0 <= index < self.count for index in (self.unambiguous, *self.ambiguous)):
            raise ValueError(f"masks {self.unambiguous} and {self.ambiguous} are not all among {self.count}")

    def chosen(self, multimask: bool) -> tuple[int, ...]:
        """Indices of the masks for ambiguous prompts, or of the one for others."""
        return self.ambiguous if multimask and self.ambiguous else (self.unambiguous,)


IMAGE_EMBEDDINGS = "image_embeddings"  # the one feature of SAM and its relatives, by the name of their ONNX exports
SAM_FEATURES = (FeatureSpec(IMAGE_EMBEDDINGS, 256, 64, 64),)
SAM_PROMPTS = PromptSpec()
SAM_MASKS = MaskSpec()
