"""PyPI's ``sam2`` as the reference for what encoding an image with SAM 2.1 costs.

The package puts its models together with hydra, from files. Here its own parts are put together with the same numbers,
so that a comparison needs nothing but the package itself (``SAM2_BUILD_CUDA=0 pip install --no-deps sam2==1.1.0``), and
without what it has for video.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor

from limner.sam.sam2.hiera import HIERA_BASE_PLUS, HIERA_LARGE, HIERA_SMALL, HIERA_TINY, HieraConfig
from limner.sam.sam2.model import DIM

SIZES = {
    "sam2_1_tiny": HIERA_TINY,
    "sam2_1_small": HIERA_SMALL,
    "sam2_1_base_plus": HIERA_BASE_PLUS,
    "sam2_1_large": HIERA_LARGE,
}
IMAGE_SIZE = 1024  # px


class _NoHydra:
    """What the package asks of hydra when it is imported."""

    @staticmethod
    def instance() -> _NoHydra:
        return _NoHydra()

    def is_initialized(self) -> bool:
        return True


HYDRA: dict[str, dict[str, Any]] = {
    "hydra": {"initialize_config_module": None},
    "hydra.core": {},
    "hydra.core.global_hydra": {"GlobalHydra": _NoHydra},
}
IOPATH: dict[str, dict[str, Any]] = {
    "iopath": {},
    "iopath.common": {},
    "iopath.common.file_io": {"g_pathmgr": None},  # opens the weights of a trunk on its own
}


def build(config: HieraConfig) -> Any:
    """The published model of this size for images, with random weights."""
    from sam2.modeling.backbones.hieradet import Hiera
    from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
    from sam2.modeling.position_encoding import PositionEmbeddingSine
    from sam2.modeling.sam2_base import SAM2Base

    trunk = Hiera(
        embed_dim=config.width,
        num_heads=config.heads,
        stages=config.depths,
        global_att_blocks=config.global_blocks,
        window_pos_embed_bkg_spatial_size=(config.position_cells,) * 2,
        window_spec=config.windows,
    )
    neck = FpnNeck(
        PositionEmbeddingSine(num_pos_feats=DIM, normalize=True, scale=None, temperature=10000),
        d_model=DIM,
        backbone_channel_list=list(reversed(config.widths)),
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    no_video = types.SimpleNamespace()
    return SAM2Base(
        ImageEncoder(trunk, neck, scalp=1),
        no_video,
        no_video,
        image_size=IMAGE_SIZE,
        directly_add_no_mem_embed=True,
        use_high_res_features_in_sam=True,
        pred_obj_scores=True,
        pred_obj_scores_mlp=True,
        iou_prediction_use_sigmoid=True,
    )


def encode(model: Any, pixels: Tensor) -> Tensor:
    """All features of ``SAM2ImagePredictor.set_image``, one after the other as Limner's are, (N,)."""
    at4, at8, at16 = model.forward_image(pixels)["backbone_fpn"]
    coarse = at16 + model.no_mem_embed.view(1, -1, 1, 1)
    return torch.cat([coarse.flatten(), at4.flatten(), at8.flatten()])
