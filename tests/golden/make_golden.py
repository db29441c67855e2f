"""Write the golden vectors: ``python tests/golden/make_golden.py``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from limner.vocabulary.geometry import ImageGeometry, upsample_logits
from limner.vocabulary.prompts import Prompts, choose_mask
from limner.vocabulary.rle import counts_of

HERE = Path(__file__).parent
SIZES = [
    (480, 640, 1024),
    (640, 480, 512),
    (512, 512, 512),
    (3300, 4950, 1024),
    (100, 2000, 1024),
    (7, 5, 512),
    (1, 1, 512),
]


def geometry_cases() -> list[dict]:
    cases = []
    for height, width, image_size in SIZES:
        geometry = ImageGeometry(height, width, image_size)
        points = [[0, 0], [width, height], [0.5, 0.5], [width / 3, height * 0.7]]
        cases.append(
            {
                "height": height,
                "width": width,
                "image_size": image_size,
                "input_size": geometry.input_size,
                "valid_cells": geometry.valid_cells(),
                "image_points": points,
                "model_points": geometry.to_model(points).tolist(),
            }
        )
    return cases


def prompt_cases() -> list[dict]:
    iou = [0.9, 0.3, 0.8, 0.7]
    prompts = [
        Prompts(((10, 20),), (1,)),
        Prompts(((10, 20),), (0,)),
        Prompts(((10, 20), (300.5, 40.25)), (1, 0)),
        Prompts(box=(5, 6, 200, 300)),
        Prompts(((10, 20),), (1,), (5, 6, 200, 300)),
        Prompts(((10, 20),), (1,), has_mask=True),
        Prompts(has_mask=True),
    ]
    cases = []
    for prompt in prompts:
        coords, labels = prompt.model_inputs(ImageGeometry(480, 640, 1024))
        cases.append(
            {
                "points": prompt.points,
                "labels": prompt.labels,
                "box": prompt.box,
                "has_mask": prompt.has_mask,
                "height": 480,
                "width": 640,
                "image_size": 1024,
                "point_coords": coords[0].tolist(),
                "point_labels": labels[0].tolist(),
                "iou_predictions": iou,
                "chosen": choose_mask(iou, prompt),
            }
        )
    return cases


def rle_cases() -> list[dict]:
    rng = np.random.default_rng(7)
    masks = [
        np.zeros((3, 4), bool),
        np.ones((3, 4), bool),
        np.eye(5, dtype=bool),
        np.pad(np.ones((4, 6), bool), 2),
        rng.random((9, 13)) < 0.5,
        rng.random((40, 23)) < 0.05,
        np.add.outer((np.arange(37) - 18) ** 2, (np.arange(61) - 30) ** 2) < 260,
        np.ones((1, 1), bool),
        np.arange(70)[:, None] % 2 == np.zeros((1, 3)),
    ]
    cases = []
    for mask in masks:
        rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        text = {"size": list(mask.shape), "counts": rle["counts"].decode()}
        cases.append(
            {
                "rows": ["".join("#" if value else "." for value in row) for row in mask],
                "rle": text,
                "runs": counts_of(text).tolist(),
                "area": int(coco_mask.area(rle)),
                "bbox": [int(value) for value in coco_mask.toBbox(rle)],
            }
        )
    return cases


def logits_cases() -> list[dict]:
    rng = np.random.default_rng(11)
    grid = 8  # a small grid says as much as one of 256
    cases = []
    for height, width in [(12, 16), (16, 12), (5, 5), (3, 20), (40, 33), (1, 1)]:
        low_res = rng.normal(size=(grid, grid)).astype(np.float32).round(3)
        logits = upsample_logits(low_res, ImageGeometry(height, width, 64))
        cases.append(
            {
                "height": height,
                "width": width,
                "image_size": 64,
                "low_res": [float(f"{v:.3f}") for v in low_res.ravel()],
                "logits": [round(float(v), 6) for v in logits.ravel()],
            }
        )
    return cases


def main() -> None:
    for name, cases in {
        "geometry": geometry_cases(),
        "prompts": prompt_cases(),
        "rle": rle_cases(),
        "logits": logits_cases(),
    }.items():
        (HERE / f"{name}.json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
