"""What a learning run learns from: the masks of a snapshot, as they are kept in the run's folder from its start."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from limner.atomic import new_folder, write_file
from limner.blobs import BlobStore, display_key, snapshot_key
from limner.errors import InvalidInput, NotFound
from limner.learning.protocol import Learn
from limner.train.projects import ImageObjects, ProjectObjects, write_photo
from limner.vocabulary import rle

OBJECTS, PHOTOS = "objects.json", "photos"  # in the run's folder


def objects_of(request: Learn, blobs: BlobStore, folder: Path) -> ProjectObjects:
    """The masks that a run learns from and is measured on: the same ones whenever it goes on.

    Crowds, empty masks and images that are left out are not among them.

    Raises:
        NotFound: the snapshot's file is gone.
        InvalidInput: there are no masks.
    """
    kept = folder / OBJECTS
    if not kept.is_file():
        images = _images(request, blobs)
        if not images:
            raise InvalidInput(
                f"There are no masks to learn from in the project {request.project!r}.",
                hint="Annotate some images first, or learn from all that is annotated.",
            )
        write_file(kept, json.dumps([asdict(each) for each in images]).encode())
    images = [
        ImageObjects(each["sha256"], each["height"], each["width"], tuple(each["masks"]), tuple(each["category_ids"]))
        for each in json.loads(kept.read_bytes())
    ]
    categories = [(each.id, each.name) for each in request.categories]
    return ProjectObjects(request.project_id, request.project, request.parent, categories, images)


def photos_of(objects: ProjectObjects, blobs: BlobStore, folder: Path) -> Path:
    """The folder with the images and masks of a run, as training reads them; it appears whole or not at all.

    Images that were deleted since the snapshot are left out.

    Raises:
        InvalidInput: all of them were.
    """
    photos = folder / PHOTOS
    if photos.is_dir():
        return photos
    count = 0
    with new_folder(photos) as unfinished:
        for image in objects.images:
            try:
                data = blobs.get(display_key(image.sha256))
            except NotFound:
                continue
            size = image.height, image.width
            write_photo(unfinished, image.sha256, size, data, image.masks, objects.project)
            count += 1
        if not count:
            raise InvalidInput(
                f"All images of the snapshot were deleted from the project {objects.project!r} since.",
                hint="Begin another run.",
            )
    return photos


def _images(request: Learn, blobs: BlobStore) -> list[ImageObjects]:
    try:
        document: dict[str, Any] = json.loads(blobs.get(snapshot_key(request.snapshot_sha256)))
    except NotFound as error:
        raise NotFound(
            "The snapshot that this run learns from is gone.", hint="Begin another run, which takes one of its own."
        ) from error
    numbers = {each.number: each.id for each in request.categories}
    masks: dict[int, list[tuple[rle.Rle, int | None]]] = defaultdict(list)
    for each in document["annotations"]:
        mask: rle.Rle = each["segmentation"]
        if not each["iscrowd"] and rle.area(mask):
            masks[each["image_id"]].append((mask, numbers.get(each["category_id"])))
    out = set(request.left_out)
    images = []
    for image in document["images"]:
        objects = masks.get(image["id"], [])
        if objects and image["id"] not in out:
            found, ids = zip(*objects, strict=True)
            images.append(ImageObjects(image["sha256"], image["height"], image["width"], found, ids))
    return images
