"""Which of the files that `limner project import` was given are annotations, of which format, and in which batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from limner.cli.folders import readable, walk
from limner.errors import InvalidFile
from limner.formats.importing import ImportFormat, Sources, formats_of, of_paths, of_stream
from limner.formats.importing.masks import INSTANCES, mask_files
from limner.formats.importing.sniffing import sniff
from limner.formats.importing.voc import CLASSES, OBJECTS
from limner.vocabulary.counted import counted

SUFFIXES = (".json", ".xml", ".txt", ".yaml", ".yml", ".csv", ".png")  # of files that annotations are in
NAMES = {"coco": "COCO file", "sa1b": "SA-1B document", "labelme": "labelme file"}


@dataclass(frozen=True)
class Batch:
    """Files of one format that are imported together; ``masks`` are those that are read as masks and are no images."""

    title: str
    sources: Sources
    form: ImportFormat
    masks: frozenset[Path] = frozenset()


@dataclass
class Batches:
    """In the order in which they are imported."""

    batches: list[Batch] = field(default_factory=list)
    files: set[Path] = field(default_factory=set)  # that were given one by one

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)

    def holds(self, path: Path) -> bool:
        """Whether a file that was given is annotations."""
        return path in self.files


def find_annotations(given: Sequence[Path], form: ImportFormat | None, opened: ExitStack) -> Batches:
    """The annotations among files and folders.

    Args:
        given: files and folders.
        form: their format; None finds out what each holds.
        opened: closes archives.

    Raises:
        InvalidFile: a folder holds several formats, or a file that can be nothing but annotations is of no known one.
    """
    found = Batches()
    alone: dict[ImportFormat, list[Path]] = {}
    for source in given:
        suffix = source.suffix.lower()
        if source.is_dir():
            _add_folder(found, source, form)
        elif suffix == ".zip":
            sources = of_stream(source.name, opened.enter_context(source.open("rb")))
            found.batches.append(Batch(readable(source), sources, form or _sniffed(source, sources)))
            found.files.add(source)
        elif suffix in (".json", ".xml", ".txt") or (form in ("masks", "voc") and suffix == ".png"):
            alone.setdefault(form or _sniffed(source, of_paths([(source.name, source)])), []).append(source)
            found.files.add(source)
        elif form == "yolo" and suffix in (".yaml", ".yml"):
            alone.setdefault(form, []).append(source)
            found.files.add(source)
    for kind, paths in alone.items():
        for some in [[path] for path in paths] if kind == "coco" else [paths]:
            title = readable(some[0]) if kind == "coco" else _title(len(some), kind)
            found.batches.append(Batch(title, of_paths((path.name, path) for path in some), kind))
    return found


def _title(count: int, form: ImportFormat) -> str:
    return counted(count, NAMES[form]) if form in NAMES else f"{counted(count, 'file')} ({form})"


def _sniffed(path: Path, sources: Sources) -> ImportFormat:
    try:
        return sniff(sources)
    except InvalidFile as error:
        raise InvalidFile(f"{readable(path)}: {error.message}", hint=error.hint) from error


def _add_folder(found: Batches, folder: Path, form: ImportFormat | None) -> None:
    """What a folder holds, if anything; PNG files alone are images unless a format was named."""
    paths = {name: path for path, name in walk(folder, []) if path.suffix.lower() in SUFFIXES}
    sources = of_paths(paths.items())
    if form is None:
        kinds = formats_of(sources, guess_masks=False)
        if len(kinds) > 1:
            several = " and ".join(sorted(kinds))
            raise InvalidFile(
                f"{readable(folder)} holds annotations of several formats: {several}.",
                hint="Name the one that is meant with --format, or import them one after the other.",
            )
        form = next(iter(kinds), None)
    if form is None:
        return
    count = sum(1 for _ in sources.with_suffix(".json"))
    title = counted(count, NAMES[form]) if form in NAMES else f"{readable(folder)} ({form})"
    found.batches.append(Batch(title, sources, form, _masks(sources, paths, form)))


def _masks(sources: Sources, paths: dict[str, Path], form: ImportFormat) -> frozenset[Path]:
    if form == "masks":
        names = [file.path for file in mask_files(sources)]
        names += [name for name in paths if name.lower().endswith(".png") and INSTANCES in Path(name).parent.parts]
    elif form == "voc":
        names = [name for name in paths if {part.lower() for part in Path(name).parent.parts} & {OBJECTS, CLASSES}]
    else:
        names = []
    return frozenset(paths[name] for name in names)
