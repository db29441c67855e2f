"""The published package ``segment-anything`` as the reference to measure against.

It imports a few names of torchvision; where torchvision is missing they are stood in for, so that the comparison needs
nothing but the package itself.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from limner.errors import Unavailable
from limner.sam.automatic.boxes import suppress


def _resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _stand_in_for_torchvision() -> None:
    names: dict[str, dict[str, Any]] = {
        "torchvision": {},
        "torchvision.ops": {},
        "torchvision.ops.boxes": {"batched_nms": None, "box_area": None},
        "torchvision.transforms": {},
        "torchvision.transforms.functional": {"resize": _resize, "to_pil_image": Image.fromarray},
    }
    for name, attributes in names.items():
        module = types.ModuleType(name)
        module.__path__ = []
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        for attribute, value in attributes.items():
            setattr(module, attribute, value)
        sys.modules.setdefault(name, module)


def automatic_mask_generator(sam: Any, **options: Any) -> Any:
    """The published ``SamAutomaticMaskGenerator``, with non-maximum suppression where torchvision is missing."""
    reference_package()
    from segment_anything import automatic_mask_generator as published

    if published.batched_nms is None:
        published.batched_nms = _batched_nms
        published.box_area = _box_area
    return published.SamAutomaticMaskGenerator(sam, **options)


def _batched_nms(boxes: Tensor, scores: Tensor, _groups: Tensor, iou_threshold: float) -> Tensor:
    """torchvision's, for boxes of one group only, which is all that the generator has."""
    return torch.from_numpy(suppress(boxes.double().numpy(), scores.double().numpy(), iou_threshold))


def _box_area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)


def reference_package() -> Any:
    """The imported package ``segment_anything``.

    Raises:
        Unavailable: when it is not installed.
    """
    if importlib.util.find_spec("segment_anything") is None:
        raise Unavailable(
            "The reference package segment-anything is not installed.",
            hint="Install Limner with its development extra: pip install 'limner[dev]'.",
        )
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        _stand_in_for_torchvision()
    import segment_anything

    return segment_anything
