"""Projects of a Limner home as a source of photos: the one place where training meets the store.

A project is written out as a folder of pairs in SA-1B's form below the run's output, once: the data of a resumed run
are those that it began with, and everything else in training knows folders only. Machines without the service's
libraries train on such folders; nothing of them is imported before a project is asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limner.atomic import new_folder
from limner.errors import InvalidFile, InvalidRle, NotFound
from limner.train.config import Photos, Project, TrainConfig
from limner.train.parallel import Group
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from limner.blobs import BlobStore
    from limner.store.annotations import AnnotationState
    from limner.store.tables import Image
    from limner.vocabulary.rle import Rle

SIGNATURES = {b"\x89PNG": ".png", b"RIFF": ".webp"}  # how files begin that browsers are shown; others are JPEG


def with_projects(config: TrainConfig, group: Group | None = None) -> TrainConfig:
    """The configuration with its projects written out and named among the folders of photos.

    Raises:
        NotFound, InvalidInput, InvalidFile: see `write_project`.
    """
    if not config.projects:
        return config
    folders = [_folder(config.run.output, number, project) for number, project in enumerate(config.projects)]
    if group is None or group.leads:
        for folder, project in zip(folders, config.projects, strict=True):
            if not folder.is_dir():
                write_project(project, folder)
    if group is not None:
        group.wait()
    photos = config.photos or Photos(share=1.0, folders=())
    photos = dataclasses.replace(photos, folders=(*photos.folders, *folders))
    return dataclasses.replace(config, photos=photos, projects=())


def write_project(project: Project, folder: Path) -> int:
    """Write the images of a project that have masks, and the masks; returns the number of masks.

    The folder appears whole or not at all. Crowds, empty masks and skipped images are left out. Images are those that
    the page shows, upright; their documents keep the hash of the file that was uploaded, which decides what is held
    out.

    Raises:
        NotFound: when the home has no database or no such project.
        InvalidInput: when several projects have the name.
        InvalidFile: when the project has no masks, or one does not fit its image.
    """
    from limner.blobs import display_key

    count = 0
    with _opened(project) as (session, blobs), new_folder(folder) as unfinished:
        for image, objects in _images(session, project):
            masks = [mask for _, mask in objects]
            size = image.height, image.width
            write_photo(unfinished, image.sha256, size, blobs.get(display_key(image.sha256)), masks, project.name)
            count += len(masks)
        if not count:
            raise _nothing_to_learn(project)
    return count


def write_photo(
    folder: Path, sha256: str, size: tuple[int, int], data: bytes, masks: Sequence[Rle], source: str
) -> None:
    """Write one photo and its masks as a pair in SA-1B's form.

    Args:
        folder: is there.
        sha256: of the file that was uploaded; decides whether the photo is held out.
        size: (height, width) of the image, upright.
        data: the image as the page shows it.
        masks: of this size.
        source: where it comes from.
    """
    from limner.formats.sa1b.document import annotation_entry, document_bytes, image_entry

    name = sha256 + SIGNATURES.get(data[:4], ".jpg")
    entry = image_entry(1, name, *size, sha256=sha256)
    annotations = [annotation_entry(number, mask) for number, mask in enumerate(masks)]
    (folder / name).write_bytes(data)
    (folder / f"{sha256}.json").write_bytes(document_bytes(entry, annotations, source=source))


@dataclass(frozen=True)
class ImageObjects:
    """An image of a project with its masks, and the category of each by its number in the database, if it has one."""

    sha256: str
    height: int
    width: int
    masks: tuple[Rle, ...]
    category_ids: tuple[int | None, ...]


@dataclass(frozen=True)
class ProjectObjects:
    """What is annotated in a project.

    Attributes:
        model: the name of the model that it has chosen; None: whatever the installation uses.
        categories: number in the database and name of each.
        images: those that have masks and were not skipped.
    """

    project_id: int
    project: str
    model: str | None
    categories: Sequence[tuple[int, str]]
    images: Sequence[ImageObjects]


def read_objects(project: Project) -> ProjectObjects:
    """The masks of a project without its images.

    Raises:
        NotFound: when the home has no database or no such project.
        InvalidInput: when several projects have the name.
        InvalidFile: when the project has no masks, or one does not fit its image.
    """
    from limner.store.categories import list_categories
    from limner.store.projects import find_project

    with _opened(project) as (session, _):
        row = find_project(session, project.name)
        images = [
            ImageObjects(
                image.sha256,
                image.height,
                image.width,
                tuple(mask for _, mask in objects),
                tuple(annotation.category_id for annotation, _ in objects),
            )
            for image, objects in _images(session, project)
        ]
        if not images:
            raise _nothing_to_learn(project)
        categories = [(category.id, category.name) for category in list_categories(session, row.id)]
        return ProjectObjects(row.id, row.name, row.model, categories, images)


@contextmanager
def _opened(project: Project) -> Iterator[tuple[Session, BlobStore]]:
    """The home's database, to read, and its blobs.

    Raises:
        NotFound: when there is no database.
    """
    from limner.blobs import BlobStore
    from limner.config import Settings
    from limner.store import Database
    from limner.store.migrate import migrate

    settings = Settings(home=project.home.expanduser().absolute())
    database_url = settings.resolved_database_url
    if database_url.startswith("sqlite:///") and not Path(database_url.removeprefix("sqlite:///")).is_file():
        raise NotFound(f"There are no projects in {settings.home}.", hint="Name the home that the server uses: --home")
    database = Database(database_url)
    try:
        migrate(database)
        with database.read() as session:
            yield session, BlobStore(settings.resolved_blob_url)
    finally:
        database.close()


def _nothing_to_learn(project: Project) -> InvalidFile:
    return InvalidFile(
        f"The project {project.name!r} has no masks to learn from.", hint="Annotate some of its images first."
    )


def _folder(output: Path, number: int, project: Project) -> Path:
    """Projects of several homes may share a name: the number tells them apart."""
    clean = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in project.name)
    return output / "projects" / f"{number}-{clean}"


def _images(session: Session, project: Project) -> Iterator[tuple[Image, list[tuple[AnnotationState, Rle]]]]:
    """The images of a project that have masks and were not skipped, with these; crowds and empty masks are left out."""
    from limner.store.annotations import NOT_SKIPPED, annotations_of, iterate_images
    from limner.store.projects import find_project
    from limner.vocabulary import rle

    for image in iterate_images(session, find_project(session, project.name).id, chosen=NOT_SKIPPED):
        objects = []
        for annotation in annotations_of(session, image.id).annotations:
            try:
                mask = rle.validate(annotation.segmentation, (image.height, image.width))
            except InvalidRle as error:
                raise InvalidFile(
                    f"In the project {project.name!r}, a mask does not fit {image.file_name}: {error.message}",
                    hint=f"The image is {counted(image.width, 'pixel')} wide and {image.height} high.",
                ) from error
            if not annotation.iscrowd and rle.area(mask):
                objects.append((annotation, mask))
        if objects:
            yield image, objects
