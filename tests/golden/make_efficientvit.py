"""Write the golden values of EfficientViT-SAM-L0: ``python -m tests.golden.make_efficientvit``.

Needs the repository mit-han-lab/efficientvit (its commit de7d773) on PYTHONPATH, which is not on PyPI, with
segment-anything, torchvision and triton, which Limner itself does not.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from efficientvit.models.efficientvit.sam import EfficientViTSamPredictor
from efficientvit.sam_model_zoo import create_efficientvit_sam_model

from tests.sam.efficientvit_cases import CELLS, EVERY, SHAPES, prompts
from tests.sam.reference import picture
from tests.sam.seeded import seeded

HERE = Path(__file__).parent


def main() -> None:
    torch.set_num_threads(1)
    model = create_efficientvit_sam_model("efficientvit-sam-l0", pretrained=False).eval()
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    (HERE / "efficientvit_state_dict.json").write_text(json.dumps(shapes) + "\n")
    model.load_state_dict({name: seeded(name, shape) if shape else torch.tensor(0) for name, shape in shapes.items()})
    predictor = EfficientViTSamPredictor(model)
    golden: dict[str, np.ndarray] = {}
    for shape, (height, width) in SHAPES.items():
        predictor.set_image(picture(height, width))
        golden[f"{shape}/features"] = predictor.features[EVERY].numpy()
        for kind, arguments in prompts(height, width).items():
            for multimask in (True, False):
                masks, iou, low_res = predictor.predict(**arguments, multimask_output=multimask)
                key = f"{shape}/{kind}/{multimask}"
                golden[f"{key}/iou"], golden[f"{key}/low_res"] = iou, low_res[:, CELLS, CELLS]
                golden[f"{key}/area"] = masks.sum((1, 2))
    np.savez_compressed(HERE / "efficientvit_golden.npz", **golden)


if __name__ == "__main__":
    main()
