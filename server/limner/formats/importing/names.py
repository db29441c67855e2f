"""Which image of a project files mean that name it without suffix, by several paths, or without its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from limner.errors import InvalidFile, InvalidInput
from limner.formats.coco.matching import NOT_THERE, SEVERAL, ProjectImages
from limner.formats.dataset import IMAGES, PARTS
from limner.vocabulary.names import clean_file_name


@dataclass(frozen=True)
class NamedImage:
    """An image of the project as an import calls it; ``size`` is (height, width)."""

    file_name: str
    size: tuple[int, int]


class ImageNames:
    """The names of a project's images."""

    def __init__(self, project: ProjectImages) -> None:
        self._project = project

    def named(self, candidates: Iterable[str]) -> str:
        """The first of several paths that an image of the project has; the first of all when none has."""
        usable = [name for name in map(_clean, candidates) if name]
        for name in usable:
            if name in self._project.by_name:
                return name
        if not usable:
            raise InvalidFile("It does not name its image.", hint="Give the name under which the project has it.")
        return usable[0]

    def size_of(self, name: str) -> tuple[int, int] | None:
        """(height, width) of the image that this path means, by the whole of it or, if that is clear, its last part."""
        if name in self._project.by_name:
            return self._project.by_name[name].size
        alike = self._project.by_last_part.get(PurePosixPath(name).name, [])
        return self._project.by_name[alike[0]].size if len(alike) == 1 else None

    def of_stem(self, candidates: Sequence[str]) -> NamedImage:
        """The image whose path is one of these but for its suffix.

        When none is, the last part of the first decides, where one side knows no folders. Whether that is clear
        among all files is decided later, as for every import: the name that is returned has the files' folders.

        Raises:
            InvalidFile: the project has no such image, or several.
        """
        usable = [name for name in map(_clean, candidates) if name]
        for name in usable:
            if name in self._project.by_name:  # a.jpg.png and a.jpg
                return NamedImage(name, self._project.by_name[name].size)
            if found := self._by_stem.get(name):
                return self._only(found, found[0])
        if usable:
            first = PurePosixPath(usable[-1])
            near = [name for name in self._by_last_stem.get(first.name, []) if len(first.parts) == 1 or "/" not in name]
            if near:
                return self._only(near, (first.parent / PurePosixPath(near[0]).name).as_posix())
        raise InvalidFile(f"{NOT_THERE[0].upper()}{NOT_THERE[1:]}.", hint="Add the image first, under this name.")

    def _only(self, found: Sequence[str], file_name: str) -> NamedImage:
        if len(found) > 1:
            raise InvalidFile(
                f"{SEVERAL[0].upper()}{SEVERAL[1:]}, but for the suffix.", hint="Give annotations that name the suffix."
            )
        return NamedImage(file_name, self._project.by_name[found[0]].size)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = defaultdict(list)
        for name in self._project.by_name:
            stems[str(PurePosixPath(name).with_suffix(""))].append(name)
        return stems

    @cached_property
    def _by_last_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = defaultdict(list)
        for name in self._project.by_name:
            stems[PurePosixPath(name).stem].append(name)
        return stems


def image_paths(path: PurePosixPath, folders: Sequence[str]) -> list[str]:
    """Where the image of a file may lie, without suffix: ``set/labels/train/a.txt`` has ``set/images/train/a``.

    Args:
        path: of the file.
        folders: what its own folder may be called in place of ``images``, in lower case.

    Returns:
        The paths to try in turn; the last is the shortest.
    """
    parts = [*path.parent.parts, path.stem]
    places = [index for index, part in enumerate(parts[:-1]) if part.lower() in folders]
    if not places:
        return ["/".join(parts)]
    before, rest = parts[: places[-1]], parts[places[-1] + 1 :]
    paths = [[*before, IMAGES, *rest], [*before, *rest], [IMAGES, *rest], rest]
    if len(rest) > 1 and rest[0] in (*PARTS, "valid"):
        paths.append(rest[1:])
    return list(dict.fromkeys("/".join(each) for each in paths))


def _clean(name: str) -> str | None:
    try:
        return clean_file_name(name)
    except InvalidInput:
        return None
