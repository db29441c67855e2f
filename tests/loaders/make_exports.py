"""A project with names and pictures that go wrong easily, exported for the loaders; see README.md."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
import uuid
from pathlib import Path

import numpy as np
from PIL import Image

from limner.cli import cli
from limner.config import Settings
from limner.service.ingest import ingest_image
from limner.service.wiring import open_services
from limner.store.categories import create_category
from limner.store.images import lock_image
from limner.store.operations import apply_operation
from limner.store.projects import create_project
from limner.vocabulary import rle
from limner.vocabulary.operations import CreateOperation

HEIGHT, WIDTH = 96, 128
NAMES = (
    "a.jpg",
    "a.png",
    "A.png",
    "cam1/0001.png",
    "cam2/0001.png",
    "shot 12:30.png",
    "why?.png",
    "images/labels/x.png",
    "without suffix",
    "turned.jpg",
    "grüße 写真.png",
    "x" * 241 + ".png",
    ".hidden.png",
    ".thumbs/1.png",
    "CON.png",
    "com1.tar.gz.png",
    "dog ..png",
    "100%.png",
    "a#b?.png",
    "*star*|pipe<>.png",
    "tab\tname.png",
    "train/1.png",
    "val/1.png",
    "Straße/ß.png",
    "strasse/SS.png",
    "e\u0301.png",
    "🦊/🦊.png",
    "العربية.png",
    "-dash.png",
    "$HOME.png",
    *(f"many/{number}.png" for number in range(20)),
)


def picture(name: str, seed: int) -> bytes:
    """Bytes of a file; one is turned by EXIF."""
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    buffer, exif = io.BytesIO(), Image.Exif()
    if name == "turned.jpg":
        exif[0x0112] = 6
        pixels = np.rot90(pixels).copy()
    image = Image.fromarray(pixels)
    if name.endswith((".jpg", "suffix")):
        image.save(buffer, "JPEG", exif=exif)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def shapes(seed: int) -> list[np.ndarray]:
    """Two masks that do not touch: one of two parts, one with a hole."""
    rng = np.random.default_rng(seed)
    broken, ring = (np.zeros((HEIGHT, WIDTH), np.bool_) for _ in range(2))
    x, y = rng.integers(2, 20, 2)
    broken[y : y + 20, x : x + 12] = broken[y + 30 : y + 45, x + 5 : x + 25] = True
    ring[y : y + 50, x + 60 : x + 95] = True
    ring[y + 10 : y + 30, x + 70 : x + 80] = False
    return [broken, ring]


def main(out: Path) -> None:
    """Make the project in a home of its own and export it."""
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as home:
        services = open_services(Settings(home=Path(home)))
        expected: dict[str, np.ndarray] = {}
        with services.database.write() as session:
            other = create_project(session, "Before")  # so that ids of the database are none of the project's
            for name in ("x", "y", "z"):
                create_category(session, other.id, name)
            project_id = create_project(session, "Loaders").id
            categories = [create_category(session, project_id, name).id for name in ("first", "zweite: Klasse")]
        for seed, name in enumerate(NAMES):
            data = picture(name, seed)
            sha256 = hashlib.sha256(data).hexdigest()
            image = ingest_image(services, project_id, name, lambda data=data: data, sha256).image
            for category, mask in zip(categories, shapes(seed), strict=True):
                operation = CreateOperation.model_validate(
                    {"kind": "create", "uid": uuid.uuid4(), "category_id": category, "segmentation": rle.encode(mask)}
                )
                with services.database.write() as session:
                    locked = lock_image(session, image.id)
                    apply_operation(session, locked, str(uuid.uuid4()), operation, revision=None, user_id=None)
            expected[image.file_name] = np.stack(shapes(seed))
        services.database.close()
        np.savez_compressed(out / "expected.npz", names=list(expected), masks=np.stack(list(expected.values())))
        for folder, options in {
            "yolo": ["--format", "yolo"],
            "yolo-split": ["--format", "yolo", "--split", "60/20/20"],
            "coco": ["--images"],
            "coco-polygons": ["--images", "--segmentation", "polygon"],
            "coco-split": ["--images", "--split", "60/20/20"],
        }.items():
            arguments = ["project", "export", "Loaders", "--home", home, "--out", str(out / folder), *options]
            cli.main(arguments, standalone_mode=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
