"""YOLO: a text file per image, a line per object: its class, then shares of width and height.

Five numbers are a box (class, centre x and y, width, height), six a box with a confidence; more are a polygon (class,
x and y of every corner), with a confidence at the end when they are even in number. Names of classes come from
``data.yaml``, ``classes.txt`` or ``obj.names``. The image is the one of the same name under ``images`` instead of
``labels``; a ``names.csv`` as Limner writes it is followed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from limner.errors import InvalidFile
from limner.formats.importing.names import NamedImage, image_paths
from limner.formats.importing.shapes import number, of_box
from limner.formats.importing.sources import SourceFile, Sources
from limner.formats.importing.stream import ReadAnnotation, ReadCategory, ReadImage, Reading
from limner.vocabulary.counted import counted
from limner.vocabulary.names import shown

CLASS_FILES = ("classes.txt", "obj.names")
OTHER_TEXTS = (*CLASS_FILES, "train.txt", "val.txt", "test.txt", "labels.txt", "requirements.txt")
SLACK = 0.01  # shares may be off by this much, as in Ultralytics
MAX_CLASSES = 50_000
MAX_LABELS = 20 << 20  # bytes of a label file, whose numbers take ten times as much
MAX_RENAMED = 500_000  # lines of names.csv
MAX_LISTING = 1 << 19  # bytes of data.yaml: its reader takes 340 times as much


def read_yolo(sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
    """Label files, in the order of their paths."""
    classes = _classes(sources)
    for name in classes.values():
        yield ReadCategory(name)
    called = _renamed(sources)
    for file in label_files(sources):
        try:
            image = _image_of(file, called, reading)
            lines = file.text(MAX_LABELS).splitlines()
        except InvalidFile as error:
            reading.leave_out("document", file.shown, error)
            continue
        yield ReadImage(image.file_name, image.size, list(_annotations(file, lines, image, classes, reading)))


def label_files(sources: Sources) -> list[SourceFile]:
    """Text files below a folder ``labels``; without one all but those that are known to be something else."""
    texts = [file for file in sources.with_suffix(".txt") if PurePosixPath(file.path).name not in OTHER_TEXTS]
    below = [file for file in texts if "labels" in PurePosixPath(file.path).parent.parts]
    return below or [file for file in texts if not PurePosixPath(file.path).name.lower().startswith("readme")]


def _annotations(
    file: SourceFile, lines: Sequence[str], image: NamedImage, classes: dict[int, str], reading: Reading
) -> Iterator[ReadAnnotation]:
    for count, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name = f"line {count} of {file.shown}"
        try:
            annotation = _annotation(line.split(), name, image, classes, reading)
        except InvalidFile as error:
            reading.leave_out("annotation", name, error)
        else:
            if annotation is not None:
                yield annotation


def _annotation(
    words: Sequence[str], name: str, image: NamedImage, classes: dict[int, str], reading: Reading
) -> ReadAnnotation | None:
    first = number(words[0], "class")
    if first < 0 or first % 1:
        raise InvalidFile(f"Its class is {shown(words[0])}.", hint="Classes are numbered 0, 1, 2, …")
    if classes and int(first) not in classes:
        raise InvalidFile(
            f"Its class is {int(first)}, and the files name no such class.",
            hint=f"They name {counted(len(classes), 'class')}, {min(classes)} to {max(classes)}.",
        )
    category = classes.get(int(first), f"class {int(first)}")
    shares = [number(word, "line") for word in words[1:]]
    attributes: dict[str, Any] = {}
    if len(shares) == 5 or (len(shares) >= 7 and len(shares) % 2):
        attributes["confidence"] = shares.pop()
    if len(shares) != 4 and (len(shares) < 6 or len(shares) % 2):
        raise InvalidFile(
            f"It has {counted(len(words), 'number')}.",
            hint="A box has 5: class x y width height; a polygon 7 or more, x y each.",
        )
    wrong = next((share for share in shares if not -SLACK <= share <= 1 + SLACK), None)
    if wrong is not None:
        raise InvalidFile(f"It has {wrong:g} for a coordinate.", hint="Give shares of width and height, 0 to 1.")
    height, width = image.size
    if len(shares) == 4:
        x, y, w, h = (share * (height if index % 2 else width) for index, share in enumerate(shares))
        box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        return of_box(reading, name, category, box, image.size, attributes=attributes)
    corners = [share * (height if index % 2 else width) for index, share in enumerate(shares)]
    return ReadAnnotation(name, category, [corners], attributes)


def _image_of(file: SourceFile, called: dict[str, str], reading: Reading) -> NamedImage:
    paths = image_paths(PurePosixPath(file.path), ("labels",))
    return reading.images.of_stem([*(called[path] for path in paths if path in called), *paths])


def _classes(sources: Sources) -> dict[int, str]:
    """By number, the names of the classes; empty when no file tells them.

    Raises:
        InvalidFile: when a file tells them in a way that cannot be used: then no line could be trusted.
    """
    import yaml  # here alone: a web process that imports no YOLO does without

    if (listing := sources.called("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")) is not None:
        try:
            # Every value as its text: no tag is followed, and nothing is merged, which could grow without bounds.
            content = yaml.load(listing.text(MAX_LISTING), Loader=yaml.BaseLoader)  # noqa: S506
        except (yaml.YAMLError, RecursionError) as error:
            raise InvalidFile(f"{listing.shown} is not YAML: {error}".replace("\n", " "), hint="Mend it.") from error
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, list):
            names = dict(enumerate(names))
        if (
            not isinstance(names, dict)
            or len(names) > MAX_CLASSES
            or not all(_is_class(*each) for each in names.items())
        ):
            raise InvalidFile(
                f"{listing.shown} names no classes.", hint='Give "names:" as a list, or as numbers with names.'
            )
        return {int(key): str(name) for key, name in sorted(names.items(), key=lambda each: int(each[0]))}
    if (listing := sources.called(*CLASS_FILES)) is not None:
        return dict(enumerate(line.strip() for line in listing.text(MAX_LISTING).splitlines() if line.strip()))
    return {}


def _is_class(key: object, name: object) -> bool:
    is_number = isinstance(key, int) or (isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10)
    return is_number and isinstance(name, str)


def _renamed(sources: Sources) -> dict[str, str]:
    """From a path without suffix to the project's name, where ``names.csv`` says that they differ."""
    listing = sources.called("names.csv")
    if listing is None:
        return {}
    text = listing.text()
    if text.count("\n") > MAX_RENAMED:
        raise InvalidFile(f"{listing.shown} has more than {MAX_RENAMED:,} lines.", hint="Import in parts.")
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise InvalidFile(f"{listing.shown} is not CSV: {error}.", hint="Mend it, or leave it out.") from error
    pairs = [(PurePosixPath(row[1]), row[0]) for row in rows[1:] if len(row) == 2]
    return {str(path.with_suffix("")): name for path, name in pairs if path.name}
