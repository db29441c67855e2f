"""Write the golden values of SAM 2.1: ``python -m tests.golden.make_sam2``.

Needs PyPI's ``sam2`` (1.1.0; ``SAM2_BUILD_CUDA=0 pip install --no-deps sam2 hydra-core omegaconf iopath portalocker
antlr4-python3-runtime==4.9.3``) and torchvision, which Limner itself does not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose
from hydra.utils import instantiate
from sam2.sam2_image_predictor import SAM2ImagePredictor

from tests.sam.reference import picture
from tests.sam.sam2_cases import CELLS, EVERY, IMAGE_SIZE, SHAPES, prompts
from tests.sam.seeded import seeded

HERE = Path(__file__).parent
CONFIGS = {"sam2_1_tiny": "t", "sam2_1_small": "s", "sam2_1_base_plus": "b+", "sam2_1_large": "l"}
IMAGE_MODE = ("image_encoder.", "sam_", "no_mem_embed")
STABILITY = [  # as sam2.build_sam.build_sam2 has it
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_via_stability=true",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_delta=0.05",
    "++model.sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh=0.98",
]


def published(size: str, image_size: int) -> Any:
    overrides = [*STABILITY, f"model.image_size={image_size}"]
    return instantiate(compose(f"configs/sam2.1/sam2.1_hiera_{size}.yaml", overrides=overrides).model, _recursive_=True)


def main() -> None:
    torch.set_num_threads(2)
    shapes = {}
    for family, size in CONFIGS.items():
        shapes[family] = {
            name: list(t.shape)
            for name, t in published(size, 1024).state_dict().items()
            if family == "sam2_1_tiny" or name.startswith(IMAGE_MODE)  # what is of video is the same in all
        }
    (HERE / "sam2_state_dicts.json").write_text(json.dumps(shapes) + "\n")

    model = published("t", IMAGE_SIZE).eval()
    model.load_state_dict({name: seeded(name, tensor.shape) for name, tensor in model.state_dict().items()})
    predictor = SAM2ImagePredictor(model)
    predictor._bb_feat_sizes = [(IMAGE_SIZE // stride,) * 2 for stride in (4, 8, 16)]
    scores: list[torch.Tensor] = []
    model.sam_mask_decoder.pred_obj_score_head.register_forward_hook(lambda *call: scores.append(call[-1]))
    golden: dict[str, np.ndarray] = {}
    for shape, (height, width) in SHAPES.items():
        predictor.set_image(picture(height, width))
        features = predictor._features
        for name, values in (
            ("image_embed", features["image_embed"]),
            ("high_res_feats_0", features["high_res_feats"][0]),
            ("high_res_feats_1", features["high_res_feats"][1]),
        ):
            golden[f"{shape}/{name}"] = values[EVERY].numpy()
        for kind, arguments in prompts(height, width).items():
            for multimask in (True, False):
                masks, iou, low_res = predictor.predict(**arguments, multimask_output=multimask)
                key = f"{shape}/{kind}/{multimask}"
                golden[f"{key}/iou"], golden[f"{key}/low_res"] = iou, low_res[:, CELLS, CELLS]
                golden[f"{key}/area"] = masks.sum((1, 2))
                golden[f"{key}/object"] = scores[-1][0].detach().numpy()
    np.savez_compressed(HERE / "sam2_golden.npz", **golden)


if __name__ == "__main__":
    main()
