"""Write the golden vectors: ``python -m tests.golden.make_golden``."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from pycocotools import mask as coco_mask

from limner.encoding.wire import EmbeddingInfo, pack, unpack
from limner.models.manifest import PREPROCESSING_VERSION
from limner.models.registry import LoadedModel
from limner.sam.transforms import to_model_input
from limner.segment.embedding import ImageEmbedding
from limner.segment.predictor import Predictor
from limner.vocabulary.geometry import Fit, ImageGeometry, upsample_logits
from limner.vocabulary.prompts import Prompts, choose_mask
from limner.vocabulary.rle import counts_of
from limner.vocabulary.rle import encode as encode_rle
from limner.vocabulary.specs import MaskSpec
from limner.vocabulary.tidying import tidy_logits
from limner_onnx.exporter import write_graphs
from tests.made_up import MadeUp
from tests.sam.reference import picture

HERE = Path(__file__).parent
MADE_UP_SHA256 = "d" * 64
SIZES = [
    (480, 640, 1024),
    (640, 480, 512),
    (512, 512, 512),
    (3300, 4950, 1024),
    (100, 2000, 1024),
    (7, 5, 512),
    (1, 1, 512),
]
FITS: tuple[Fit, ...] = ("pad", "stretch")
SHAPES_TO_TIDY = [(64, 64), (48, 64), (100, 71), (400, 600), (7, 9), (1, 5)]
THREE_MASKS = MaskSpec(count=3, unambiguous=2, ambiguous=(0, 1))
ONE_MASK = MaskSpec(count=1, ambiguous=())


def geometry_cases() -> list[dict]:
    cases = []
    for fit, (height, width, image_size) in itertools.product(FITS, SIZES):
        geometry = ImageGeometry(height, width, image_size, fit)
        points = [[0, 0], [width, height], [0.5, 0.5], [width / 3, height * 0.7]]
        cases.append(
            {
                "height": height,
                "width": width,
                "image_size": image_size,
                "fit": fit,
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
        padded_coords, padded_labels = prompt.model_inputs(ImageGeometry(480, 640, 1024, "stretch"), "always")
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
                "always_padded": {
                    "fit": "stretch",
                    "point_coords": padded_coords[0].tolist(),
                    "point_labels": padded_labels[0].tolist(),
                },
                "chosen_of": [
                    {**asdict(masks), "chosen": choose_mask(iou[: masks.count], prompt, masks)}
                    for masks in (THREE_MASKS, ONE_MASK)
                ],
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
    shapes = [(12, 16), (16, 12), (5, 5), (3, 20), (40, 33), (1, 1)]
    for fit, (height, width) in itertools.product(FITS, shapes):
        low_res = rng.normal(size=(grid, grid)).astype(np.float32).round(3)
        logits = upsample_logits(low_res, ImageGeometry(height, width, 64, fit))
        cases.append(
            {
                "height": height,
                "width": width,
                "image_size": 64,
                "fit": fit,
                "low_res": [float(f"{v:.3f}") for v in low_res.ravel()],
                "logits": [round(float(v), 6) for v in logits.ravel()],
            }
        )
    return cases


def tidy_cases() -> list[dict]:
    """Grids as rows: `#` +2, `.` −2; tidied: `o` what was closed (+1), `x` what was dropped (−1)."""
    rng = np.random.default_rng(23)
    grid = 16
    cases = []
    for number in range(60):
        fit: Fit = FITS[number % 2]
        height, width = SHAPES_TO_TIDY[number % len(SHAPES_TO_TIDY)]
        noise = cv2.GaussianBlur(rng.normal(size=(grid, grid)).astype(np.float32), (0, 0), rng.uniform(0.3, 2))
        centre = np.add.outer(np.arange(-7.5, 8) ** 2, np.arange(-7.5, 8) ** 2).astype(np.float32) / 60
        logits = np.where(noise / noise.std() + (1.6 - centre if number % 3 else 0) > 0, 2, -2).astype(np.float32)
        prompts = Prompts(
            tuple((rng.uniform(0, width), rng.uniform(0, height)) for _ in range(number % 4)),
            tuple(rng.integers(0, 2, number % 4).tolist()),
            (0, 0, width, height) if number % 5 < 2 else None,
        )
        prompt = np.where(rng.random((grid, grid)) < 0.02, 8, -8).astype(np.float32) if number % 7 == 0 else None
        tidied = tidy_logits(logits, ImageGeometry(height, width, 64, fit), prompts, prompt)
        cases.append(
            {
                "height": height,
                "width": width,
                "image_size": 64,
                "fit": fit,
                "points": prompts.points,
                "labels": prompts.labels,
                "box": prompts.box,
                "rows": _rows(logits),
                "mask_prompt": None if prompt is None else _rows(prompt),
                "tidied": _rows(tidied),
            }
        )
    return cases


def _rows(logits: np.ndarray) -> list[str]:
    signs = {2: "#", -2: ".", 1: "o", -1: "x", 8: "#", -8: "."}
    return ["".join(signs[int(value)] for value in row) for row in logits]


def made_up_cases(folder: Path) -> list[dict]:
    """A family unlike SAM's from torch to masks: its graphs, an embedding, and what torch answers from that."""
    model = MadeUp().eval()
    for path in folder.iterdir():
        path.unlink()
    write_graphs(LoadedModel(model, "made_up", MADE_UP_SHA256, title="Made up"), folder)
    height, width = 48, 80
    info = EmbeddingInfo("c" * 64, MADE_UP_SHA256, PREPROCESSING_VERSION, height, width, model.config.image_size)
    with torch.inference_mode():
        features = model.encode(to_model_input(picture(height, width), model.config)[None])
    embedding = pack({name: values.numpy() for name, values in features.items()}, info, "i8")
    (folder / "embedding.safetensors").write_bytes(embedding)
    seen = {name: torch.from_numpy(values) for name, values in unpack(embedding)[0].items()}
    predictor = Predictor(model)
    image = ImageEmbedding(seen, model.config.geometry(height, width))
    cases = []
    for prompts in (
        Prompts(((20, 30),), (1,)),
        Prompts(((20, 30), (60, 10)), (1, 0)),
        Prompts(box=(30, 8, 70, 40)),
        Prompts(((50, 20),), (1,), (30, 8, 70, 40)),
    ):
        low_res, iou = predictor.decode(image, prompts)
        chosen = choose_mask(iou[0].numpy(), prompts, model.config.masks)
        mask = upsample_logits(low_res[0, chosen].numpy(), image.geometry) > 0
        cases.append(
            {
                "height": height,
                "width": width,
                "points": prompts.points,
                "labels": prompts.labels,
                "box": prompts.box,
                "iou_predictions": [round(value, 6) for value in iou[0].tolist()],
                "chosen": chosen,
                "mask": encode_rle(mask),
            }
        )
    return cases


def packed_embedding() -> None:
    """An embedding as residuals, some of them large, and the values that are read of it."""
    rng = np.random.default_rng(11)
    shapes = {"coarse": (1, 2, 16, 16), "finest": (1, 1, 24, 16), "middle": (1, 1, 16, 32)}
    features = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    features["coarse"][0, 0] = np.add.outer(np.arange(16), np.arange(16) ** 2 / 9)  # is predicted by neighbours
    features["finest"][0, 0, :8, :8] = 3  # of one value
    features["coarse"][0, 1, 4, 3] = -40
    info = EmbeddingInfo("a" * 64, "b" * 64, PREPROCESSING_VERSION, 48, 64, 64)
    data = pack(features, info, "packed")
    (HERE / "embedding_3.safetensors").write_bytes(data)
    read = {
        name: {"shape": values.shape[1:], "values": values.ravel().tolist()} for name, values in unpack(data)[0].items()
    }
    (HERE / "embedding_3.json").write_text(json.dumps(read) + "\n")


def main() -> None:
    packed_embedding()
    made_up = made_up_cases(HERE / "made_up")
    (HERE / "made_up" / "answers.json").write_text(json.dumps({"cases": made_up}, indent=1) + "\n")
    for name, cases in {
        "geometry": geometry_cases(),
        "prompts": prompt_cases(),
        "rle": rle_cases(),
        "logits": logits_cases(),
        "tidy": tidy_cases(),
    }.items():
        (HERE / f"{name}.json").write_text(json.dumps({"cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
