"""A folder of images through a source of boxes: a document for each image, then one COCO file or YOLO labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import click
import torch
from tqdm import tqdm

from limner.atomic import make_folder, replacing, write_file
from limner.cli.annotation_files import Batch
from limner.cli.documents import Task, read_earlier, tasks_of
from limner.cli.folders import Source, find_images, readable
from limner.cli.home import settings_from
from limner.encoding.images import decode_image
from limner.errors import InvalidInput, LimnerError
from limner.formats.coco.exporting import UNLABELLED_NAME, unlabelled_category
from limner.formats.coco.matching import FoundImage, ProjectImages, last_part
from limner.formats.coco.report import SkipList
from limner.formats.files import ExportFile, write_folder
from limner.formats.importing import read_marks
from limner.formats.sa1b import annotation_entry, document_bytes, image_entry
from limner.formats.yolo import classes_yaml, line_of
from limner.heads.annotating import BoxSource, DetectorSource, MarkedSource, TextSource
from limner.heads.text import TextDetector
from limner.models.detectors import find_detector
from limner.models.registry import load_model
from limner.models.text_detectors import parse_phrases, text_detector_folder
from limner.segment.predictor import Predictor
from limner.vocabulary.counted import counted
from limner.vocabulary.devices import Device
from limner.workers.encoder import choose_device

Entry = dict[str, Any]


class FolderRun:
    """All images of a folder, one after the other.

    Attributes:
        done: images that have a document now.
        kept: of those, the ones that had it before.
        refused: complaints about files that could not be used, which have been told.
    """

    def __init__(self, *, home: Path | None, model: str | None, device: Device | None, threads: int) -> None:
        self._settings = settings_from({"home": home, "model": model, "device": device})
        self._threads = threads
        torch.set_num_threads(threads)
        self._loaded = load_model(self._settings.model, self._settings.home)
        self._predictor = Predictor(self._loaded, device=choose_device(self._settings.device))
        self._images: Sequence[Source] = ()
        self._source: BoxSource
        self.done = self.kept = 0
        self.refused: list[str] = []

    def find(self, folder: Path) -> None:
        """Take the images of a folder, or one image.

        Raises:
            InvalidInput: there are none.
        """
        found = find_images([folder])
        self._images = found.images
        for complaint in found.refused:
            self._refuse(complaint)
        if not self._images:
            raise InvalidInput(f"{folder} holds no images.", hint="Give an image, or a folder with images.")

    def use_detector(self, name: str, objectness: float) -> None:
        """Take the boxes of an installed detector.

        Raises:
            ModelError: there is none of this name, or its weights have changed.
            InvalidInput: it reads embeddings by another model.
        """
        detector = find_detector(self._settings.home, name)
        self._source = DetectorSource(
            detector, self._loaded, self._predictor, objectness, self._threads, self._settings.home
        )

    def use_labels(self, batch: Batch) -> None:
        """Take the boxes of label files; what cannot be used is told.

        Raises:
            InvalidFile: they are broken as a whole.
            InvalidInput: they mark nothing on these images.
        """
        project, names = ProjectImages(), dict[int, str]()
        for number, source in enumerate(self._images, start=1):
            try:
                data = source.path.read_bytes()
                decoded = decode_image(data, max_pixels=self._settings.max_pixels)
            except (LimnerError, OSError):
                continue  # it is told when its turn comes
            found = FoundImage(number, (decoded.height, decoded.width))
            project.by_sha256[hashlib.sha256(data).hexdigest()] = project.by_name[source.file_name] = found
            project.by_last_part[last_part(source.file_name)].append(source.file_name)
            names[number] = source.file_name
        skipped = SkipList()
        marks = read_marks(project, batch.sources, skipped, form=batch.form)
        for each in skipped.summary():
            click.echo(f"{each.what}: {each.why}", err=True)
        if not marks.count:
            raise InvalidInput(
                "The labels mark nothing on these images.", hint="They must name the images as the folder does."
            )
        marked = {names[number]: objects for number, objects in marks.by_image.items()}
        self._source = MarkedSource(marked, marks.categories, self._predictor, self._threads)

    def use_text(self, text: str, model: str | None, box_threshold: float, text_threshold: float) -> None:
        """Take the boxes of what phrases name.

        Raises:
            InvalidInput: there are no phrases, or too many.
            ModelError: there is no such text detector, or it cannot be loaded.
        """
        phrases = parse_phrases(text)
        detector = TextDetector(text_detector_folder(self._settings.home, model), self._predictor.device)
        self._source = TextSource(
            detector,
            phrases,
            self._predictor,
            box_threshold=box_threshold,
            text_threshold=text_threshold,
            threads=self._threads,
        )

    def do(self, out: Path, form: Literal["coco", "yolo"], sure: float) -> None:
        """Go through all images, and write the result when there is one for each of them.

        Args:
            out: the COCO file, or the folder of YOLO labels; documents lie in a folder beside it, and doubtful masks in
                a COCO file.
            form: which of both.
            sure: score from which a mask is no doubtful one.
        """
        tasks = tasks_of(self._images, out.with_name(f"{out.name}.images"))
        finished = []
        for task in tqdm(tasks, unit="image", disable=None):
            try:
                self._one(task)
            except (LimnerError, OSError) as error:
                self._refuse(f"{readable(task.source.path)}: {error}")
            else:
                finished.append(task)
        doubtful = out.with_name(f"{out.name.removesuffix('.json')}.doubtful.json")
        left = self._write_coco(finished, doubtful, lambda score: score < sure)
        if not left:
            doubtful.unlink(missing_ok=True)
        if form == "coco":
            count = self._write_coco(finished, out, lambda score: score >= sure)
        else:
            count = self._write_yolo(finished, out, sure)
        click.echo(
            f"{out}: {counted(count, 'mask')} on {counted(self.done, 'image')} "
            f"({self.kept} done already), {len(self.refused)} refused"
        )
        if left:
            click.echo(f"{doubtful}: {counted(left, 'doubtful mask')}, with a score below {sure:g}")

    def _refuse(self, complaint: str) -> None:
        self.refused.append(complaint)
        click.echo(complaint, err=True)

    def _one(self, task: Task) -> None:
        name = task.source.file_name
        data = task.source.path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        made_by = {
            "model": self._loaded.name,
            "model_sha256": self._loaded.weights_sha256,
            "source": self._source.made_by(name),
        }
        if read_earlier(task.document, sha256, made_by) is None:
            decoded = decode_image(data, max_pixels=self._settings.max_pixels)
            image = image_entry(0, name, decoded.height, decoded.width, sha256=sha256)
            found = self._source.find(name, decoded.rgb, self._predictor.embed(decoded.rgb))
            masks = [
                annotation_entry(
                    number,
                    each.mask,
                    category=each.category,
                    score=each.score,
                    predicted_iou=each.predicted_iou,
                    stability_score=each.stability,
                    box=list(each.box),
                )
                for number, each in enumerate(found, start=1)
            ]
            make_folder(task.document.parent)
            write_file(task.document, document_bytes(image, masks, limner=made_by))
        else:
            self.kept += 1
        self.done += 1

    def _classes(self, tasks: Sequence[Task]) -> list[str | None]:
        """All categories in the order of their source; None at the end, when there are masks without one."""
        used = {mask["category"] for task in tasks for mask in _document(task)["annotations"]}
        return [*self._source.categories, *([None] if None in used else [])]

    def _write_coco(self, tasks: Sequence[Task], out: Path, wanted: Callable[[float], bool]) -> int:
        make_folder(out.parent)
        classes = self._classes(tasks)
        numbers = {name: number for number, name in enumerate(classes, start=1)}
        categories = [
            unlabelled_category(number) if name is None else {"id": number, "name": name, "supercategory": ""}
            for name, number in numbers.items()
        ]
        images = [{**_document(task)["image"], "id": number} for number, task in enumerate(tasks, start=1)]
        for image in images:
            del image["image_id"]
        count = 0
        with replacing(out) as partial, partial.open("w", encoding="utf-8") as file:
            file.write(f'{{"categories":{json.dumps(categories)},\n"images":{json.dumps(images)},\n"annotations":[')
            for annotation in _annotations(tasks, numbers):
                if wanted(annotation["score"]):
                    count += 1
                    file.write(",\n" if count > 1 else "\n")
                    json.dump(annotation | {"id": count}, file)
            file.write("\n]}\n")
        return count

    def _write_yolo(self, tasks: Sequence[Task], out: Path, sure: float) -> int:
        classes = self._classes(tasks)
        count = 0

        def files() -> Iterator[ExportFile]:
            nonlocal count
            yield ExportFile("data.yaml", classes_yaml([name or UNLABELLED_NAME for name in classes]))
            for task in tasks:
                masks = [mask for mask in _document(task)["annotations"] if mask["score"] >= sure and mask["area"]]
                count += len(masks)
                lines = [line_of(mask["segmentation"], classes.index(mask["category"])) for mask in masks]
                name = task.document.relative_to(out.with_name(f"{out.name}.images")).with_suffix(".txt")
                yield ExportFile(f"labels/{name.as_posix()}", "".join(lines).encode())

        write_folder(files(), out)
        return count


def _document(task: Task) -> Entry:
    document: Entry = json.loads(task.document.read_bytes())
    return document


def _annotations(tasks: Sequence[Task], numbers: dict[str | None, int]) -> Iterator[Entry]:
    for number, task in enumerate(tasks, start=1):
        document = _document(task)
        model = document["limner"]["model_sha256"]
        for mask in document["annotations"]:
            prompts = {"points": [], "box": mask["box"], "mask": False}
            yield {
                "image_id": number,
                "category_id": numbers[mask["category"]],
                "iscrowd": 0,
                "segmentation": mask["segmentation"],
                "area": mask["area"],
                "bbox": mask["bbox"],
                "score": mask["score"],
                "provenance": {"model_sha256": model, "predicted_iou": mask["predicted_iou"], "prompts": prompts},
            }
