"""Exports in the loaders that train on them; runs without Limner. See README.md."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

EXACT = 1.0  # IoU
Masks = dict[str, np.ndarray]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Of two masks (H, W) bool."""
    return float((a & b).sum() / max((a | b).sum(), 1))


class Check:
    """What was saved, by the names that an export gives the images."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with np.load(root / "expected.npz") as file:
            self.masks: Masks = dict(zip(file["names"].tolist(), file["masks"], strict=True))

    def of(self, folder: str) -> Masks:
        """By the names of the files below ``images``."""
        renamed: dict[str, str] = {}
        listing = self.root / folder / "names.csv"
        if listing.exists():
            with listing.open(newline="") as file:
                renamed = dict(list(csv.reader(file))[1:])
        return {renamed.get(name, name): masks for name, masks in self.masks.items()}

    def same(self, subject: str, found: dict[str, list[tuple[int, np.ndarray]]], wanted: Masks, least: float) -> None:
        """Make sure that every image has its two masks, of class 0 and 1."""
        if set(found) != set(wanted):
            raise SystemExit(f"{subject}: images differ: {set(found) ^ set(wanted)}")
        worst = 1.0
        for name, masks in wanted.items():
            got = sorted(found[name], key=lambda each: each[0])
            if [number for number, _ in got] != [0, 1]:
                raise SystemExit(f"{subject}: {name} has classes {[number for number, _ in got]}")
            for (_, mask), mine in zip(got, masks, strict=True):
                worst = min(worst, iou(np.asarray(mask, bool), mine))
        if worst < least:
            raise SystemExit(f"{subject}: a mask comes back with an IoU of {worst:.3f}")
        print(f"{subject}: {len(found)} images, {2 * len(found)} masks, worst IoU {worst:.4f}")


def yolo_samples(yaml: Path, part: str, root: Path) -> Iterator[tuple[str, list[tuple[int, np.ndarray]]]]:
    """Images of a part, as Ultralytics' own data set gives them; its polygons are drawn by the even-odd rule.

    Its training draws them with OpenCV, whose polygons have half a pixel more on every side, whatever they come from.
    """
    from pycocotools import mask as coco_mask
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(yaml))
    dataset = YOLODataset(img_path=data[part], data=data, task="segment", augment=False, cache=False)
    if len(dataset.labels) != len(dataset.im_files):
        raise SystemExit(f"{yaml}: some images of {part} have no valid labels")
    for label in dataset.labels:
        height, width = label["shape"]
        polygons = [np.round(segment * [width, height], 3).reshape(-1).tolist() for segment in label["segments"]]
        masks = [coco_mask.decode(coco_mask.frPyObjects([polygon], height, width))[..., 0] for polygon in polygons]
        name = Path(label["im_file"]).relative_to(root).as_posix()
        yield name, [(int(number[0]), mask) for number, mask in zip(label["cls"], masks, strict=True)]


def check_yolo(check: Check) -> None:
    root = check.root / "yolo"
    found = dict(yolo_samples(root / "data.yaml", "train", root / "images"))
    check.same("Ultralytics' loader, yolo", found, check.of("yolo"), EXACT)


def check_yolo_split(check: Check) -> None:
    root, found = check.root / "yolo-split", {}
    for part in ("train", "val", "test"):
        found |= dict(yolo_samples(root / "data.yaml", part, root / "images" / part))
    check.same("Ultralytics' loader, yolo in three parts", found, check.of("yolo-split"), EXACT)


def check_converter(check: Check) -> None:
    """COCO as polygons -> YOLO by Ultralytics' converter, then its loader."""
    from ultralytics.data.converter import convert_coco

    source, target = check.root / "coco-polygons", check.root / "converted"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        source, check.root / "converter-input" / "annotations", dirs_exist_ok=True, ignore=lambda *_: ["images"]
    )
    convert_coco(str(check.root / "converter-input" / "annotations"), str(target), use_segments=True, cls91to80=False)
    (written,) = (target / "labels").iterdir()
    shutil.copytree(written, target / "set" / "labels")
    shutil.copytree(source / "images", target / "set" / "images")
    (target / "set" / "data.yaml").write_text("train: images\nval: images\nnames: {0: first, 1: second}\n")
    found = dict(yolo_samples(target / "set" / "data.yaml", "train", target / "set" / "images"))
    check.same("Ultralytics' converter and loader, coco", found, check.of("coco-polygons"), EXACT)


def check_torchvision(check: Check) -> None:
    from torchvision.datasets import CocoDetection

    for folder, images, document in (
        ("coco", "images", "annotations.json"),
        ("coco-polygons", "images", "annotations.json"),
        *(("coco-split", f"images/{part}", f"annotations/instances_{part}.json") for part in ("train", "val", "test")),
    ):
        root = check.root / folder
        dataset = CocoDetection(str(root / images), str(root / document))
        found = {}
        for index, image_id in enumerate(dataset.ids):
            picture, targets = dataset[index]
            masks = [(target["category_id"] - 1, dataset.coco.annToMask(target)) for target in targets]
            if any(mask.shape != picture.size[::-1] for _, mask in masks):
                raise SystemExit(f"torchvision: masks of image {image_id} do not fit the picture")
            found[dataset.coco.imgs[image_id]["file_name"]] = masks
        wanted = check.of(folder)
        wanted = {name: wanted[name] for name in found} if folder == "coco-split" else wanted
        check.same(f"torchvision and pycocotools, {document} of {folder}", found, wanted, EXACT)


def check_supervision(check: Check) -> None:
    import supervision

    root = check.root / "coco"
    loaded = supervision.DetectionDataset.from_coco(
        str(root / "images"), str(root / "annotations.json"), force_masks=True
    )
    if loaded.classes != ["first", "zweite: Klasse"]:
        raise SystemExit(f"supervision: classes {loaded.classes}")
    found = {
        Path(path).relative_to(root / "images").as_posix(): list(zip(each.class_id.tolist(), each.mask, strict=True))
        for path, _, each in loaded
    }
    check.same("supervision, coco", found, check.of("coco"), EXACT)


def check_datumaro(check: Check) -> None:
    import datumaro

    root = check.root / "datumaro-input"
    shutil.rmtree(root, ignore_errors=True)
    (root / "annotations").mkdir(parents=True)
    shutil.copy(check.root / "coco" / "annotations.json", root / "annotations" / "instances_default.json")
    shutil.copytree(check.root / "coco" / "images", root / "images" / "default")
    dataset = datumaro.Dataset.import_from(str(root), "coco_instances")
    names = {Path(name).with_suffix("").as_posix(): name for name in check.of("coco")}
    found = {
        names[item.id]: [(each.label, np.asarray(each.image)) for each in item.annotations if each.type.name == "mask"]
        for item in dataset
    }
    check.same("datumaro, coco", found, check.of("coco"), EXACT)


def main() -> None:
    """Run all checks; one that cannot run or fails makes the exit status 1."""
    check, failed = Check(Path(sys.argv[1]).resolve()), []
    checks: list[Callable[[Check], None]] = [
        check_torchvision,
        check_yolo,
        check_yolo_split,
        check_converter,
        check_supervision,
        check_datumaro,
    ]
    for each in checks:
        try:
            each(check)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the other checks run all the same
            failed.append(each.__name__)
            print(f"FAILED {each.__name__}: {type(error).__name__}: {error}")
    print(json.dumps({"failed": failed}))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
