"""The published packages ``segment-anything``, ``MobileSAM`` and ``sam2`` as the references to measure against.

They import a few names of torchvision and timm; where those are missing they are stood in for, so that a comparison
needs nothing but the package itself.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from limner.bench import reference_sam2
from limner.errors import Unavailable
from limner.segment.automatic.boxes import suppress


def _resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    return image.resize((width, height), Image.Resampling.BILINEAR)


# What the packages import of others, as far as what is measured here needs it.
_TORCHVISION: dict[str, dict[str, Any]] = {
    "torchvision": {},
    "torchvision.ops": {},
    "torchvision.ops.boxes": {"batched_nms": None, "box_area": None},
    "torchvision.transforms": {},
    "torchvision.transforms.functional": {"resize": _resize, "to_pil_image": Image.fromarray},
}
_TIMM: dict[str, dict[str, Any]] = {
    "timm": {},
    "timm.models": {},
    "timm.models.layers": {
        "DropPath": nn.Identity,  # drops nothing at the rate of 0 that MobileSAM has
        "to_2tuple": lambda side: (side, side),
        "trunc_normal_": nn.init.trunc_normal_,
    },
    "timm.models.registry": {"register_model": lambda build: build},
}


def _stand_in_for(names: dict[str, dict[str, Any]]) -> None:
    """Put these modules into ``sys.modules``, unless the first of them is installed."""
    package = next(iter(names))
    if package in sys.modules or importlib.util.find_spec(package) is not None:
        return
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
    _stand_in_for(_TORCHVISION)
    import segment_anything

    return segment_anything


@dataclass(frozen=True)
class Published:
    """A family of models as it was published.

    Attributes:
        package: its name.
        build: makes a model with random weights.
        encode: has it encode an image (1, 3, S, S), to all values of its features, (N,).
    """

    package: str
    build: Callable[[], Any]
    encode: Callable[[Any, Tensor], Tensor]


def _encode(model: Any, pixels: Tensor) -> Tensor:
    embeddings: Tensor = model.image_encoder(pixels)
    return embeddings.flatten()


def published(family: str) -> Published | None:
    """How a family was published; None for families without a package, and where it is not installed.

    SAM's package comes with the development extra; MobileSAM's, which is in no registry, and SAM 2's are used where
    somebody installed them.

    Raises:
        Unavailable: for a family of SAM, when its package is not installed.
    """
    if family.startswith("sam_vit"):
        return Published(
            "segment-anything", reference_package().sam_model_registry[family.removeprefix("sam_")], _encode
        )
    if family == "mobile_sam" and importlib.util.find_spec("mobile_sam") is not None:
        _stand_in_for(_TORCHVISION)
        _stand_in_for(_TIMM)
        return Published("MobileSAM", importlib.import_module("mobile_sam").sam_model_registry["vit_t"], _encode)
    if family in reference_sam2.SIZES and importlib.util.find_spec("sam2") is not None:
        _stand_in_for(reference_sam2.HYDRA)
        _stand_in_for(reference_sam2.IOPATH)
        size = reference_sam2.SIZES[family]
        return Published("sam2", partial(reference_sam2.build, size), reference_sam2.encode)
    return None
