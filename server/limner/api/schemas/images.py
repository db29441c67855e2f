"""Images, uploads and embeddings."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from limner.access import Permission
from limner.api.schemas.base import Answer, ErrorInfo, Request
from limner.encoding.wire import Dtype
from limner.service.images import ImageInfo, ImagePlace
from limner.vocabulary.events import ImageMark, ImageWork, Timestamp
from limner.vocabulary.listing import ImageOrder, Listing
from limner.vocabulary.names import MAX_TAG, one_line
from limner.vocabulary.states import AlsoFilter, EmbeddingStateName, ExhaustivityFilter, ImageFilter, OverlapState

MAX_PAGE = 200
MAX_FOLDERS = 1000
MAX_TAGS = 1000


def _nfc(value: object) -> object:
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


# Names are kept in NFC, and without control characters.
NameQuery = Annotated[
    str,
    BeforeValidator(_nfc),
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$"),
]

SearchText = Annotated[
    NameQuery,
    StringConstraints(max_length=255),
    Field(description="words, each of which is somewhere in the path; case does not count"),
]
TagQuery = Annotated[
    str,
    BeforeValidator(lambda value: one_line(value) if isinstance(value, str) else value),
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=MAX_TAG),
    Field(description="only images that have this tag"),
]
FolderText = Annotated[
    NameQuery,
    StringConstraints(max_length=1024),
    Field(description="only images in this folder and the folders in it"),
]


class ImageEmbedding(Answer):
    """Whether the encoder has been over an image."""

    state: EmbeddingStateName
    error: str | None


class ImageRank(Answer):
    """Why an image is to be annotated early: its place from 1, and what that comes from, shares from 0 to 1.

    The model was asked with a few points: ``predicted_iou`` is how good it calls its masks, ``stability`` their IoU
    between two thresholds, ``agreement`` that of a point's masks with each other. ``distance`` is how far its embedding
    is from that of the nearest image that is annotated or comes before it. ``clicks`` are those that masks took on
    annotated images that look like it; null where none are known.
    """

    place: int
    predicted_iou: float
    stability: float
    agreement: float
    distance: float
    clicks: float | None


class Image(Answer):
    """An image after orientation; ``sha256`` and ``bytes`` are those of the uploaded file.

    No other image of the project has its ``file_name``. Of the ``pages``, or frames, of the file it is the first.
    ``open_threads`` counts threads of comments that nobody has resolved. ``gold``: annotators are measured by it;
    ``overlap``: how far it is when several people work on it, each on a copy; both told to those who review or read
    figures.
    """

    id: int
    project_id: int
    file_name: str
    width: int
    height: int
    sha256: str
    bytes: int
    format: str
    pages: int
    created: Timestamp
    revision: int
    annotation_count: int
    open_threads: int
    mark: ImageMark
    work: ImageWork
    embedding: ImageEmbedding
    gold: bool
    overlap: OverlapState | None
    rank: ImageRank | None
    tags: list[str]

    @classmethod
    def of(cls, image: ImageInfo) -> Image:
        """The image as it is told to clients."""
        row, embedding = image.row, image.embedding
        return cls(
            id=row.id,
            project_id=image.project_id,
            file_name=row.file_name,
            width=row.width,
            height=row.height,
            sha256=row.sha256,
            bytes=row.bytes,
            format=row.format,
            pages=row.pages,
            created=row.created,
            revision=row.revision,
            annotation_count=row.annotation_count,
            open_threads=row.open_threads,
            mark=image.mark,
            work=image.work,
            embedding=ImageEmbedding(state=embedding.state, error=embedding.error),
            gold=image.is_gold,
            overlap=image.overlap,
            rank=None if image.rank is None else ImageRank.model_validate(image.rank),
            tags=list(image.tags),
        )


class ImageDetails(Image):
    """An image, its place (from 1) and its neighbours among those that the query lists; without one, in the project.

    ``next_waiting_id`` is the first one after it that is waiting, going round to the beginning. ``permissions`` says
    what one may do with it: of somebody else's copy of a gold image less than in its project.
    """

    position: int
    previous_id: int | None
    next_id: int | None
    next_waiting_id: int | None
    permissions: list[Permission]

    @classmethod
    def at(cls, place: ImagePlace) -> ImageDetails:
        """The image and its neighbours as they are told to clients."""
        return cls(
            **Image.of(place.image).model_dump(),
            position=place.position,
            previous_id=place.previous_id,
            next_id=place.next_id,
            next_waiting_id=place.next_waiting_id,
            permissions=sorted(place.permissions),
        )


class ImageList(Answer):
    """A page of images; ``next`` is the cursor of the page after it."""

    images: list[Image]
    next: str | None
    total: int | None


class Folder(Answer):
    """A folder that images of a project are in; ``images`` counts those that are in none of its folders."""

    path: str
    images: int


class FolderList(Answer):
    """Folders by path; of very many the first ones."""

    folders: list[Folder]


class Tag(Answer):
    """A word that images of a project were given; ``images`` says how many."""

    tag: str
    images: int


class TagList(Answer):
    """Tags in alphabetical order; of very many the first ones."""

    tags: list[Tag]


class FilterQuery(Request):
    """Which images of a project are meant."""

    state: ImageFilter = "all"
    also: AlsoFilter = Field(default="any", description="a second of these filters, which has to hold as well")
    search: SearchText = ""
    folder: FolderText = ""
    tag: TagQuery = ""
    category: Annotated[int, Field(ge=1, lt=2**63)] | None = Field(
        default=None, description="only images with annotations of this category; with `exhaustive`: see there"
    )
    exhaustive: ExhaustivityFilter = Field(
        default="any",
        description="only images on which, as people say, all of `category` are annotated (yes), not all (no), or of "
        "which nobody knows (unknown), whether or not they have annotations of it",
    )
    author: Annotated[int, Field(ge=1, lt=2**63)] | None = Field(
        default=None, description="only images that this person submitted last, by their number"
    )

    @model_validator(mode="after")
    def _check_category(self) -> Self:
        if self.exhaustive != "any" and self.category is None:
            raise ValueError("exhaustive is said of a category: name it in category")
        return self

    def filtered(self) -> Listing:
        """What was asked for, without slashes around the folder, as added."""
        return Listing(
            state=self.state,
            also=self.also,
            search=self.search,
            folder=self.folder.strip("/"),
            category=self.category,
            exhaustive=self.exhaustive,
            author=self.author,
            tag=self.tag,
        )


class ListingQuery(FilterQuery):
    """Which images of a project are listed, and in which order."""

    order: ImageOrder = Field(
        default="added",
        description="name: natural, img2 before img10; objects: by their number; informative: by what they would teach "
        "the model, as a job of the kind rank has found; random: shuffled, the same way each time; what is equal: as "
        "added",
    )
    descending: bool = False

    def listing(self) -> Listing:
        """What was asked for."""
        return replace(self.filtered(), order=self.order, descending=self.descending)


class ImageQuery(ListingQuery):
    """A page of them."""

    after: str | None = Field(default=None, description="cursor: `next` of the page before, or an image's number")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 60
    skip: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        default=0, description="how many images to leave out before the page begins"
    )
    counted: bool = Field(default=False, description="say in `total` how many are listed in all")


class MasksQuery(Request):
    """Which state of the image is meant.

    ``look`` is part of the address only: whoever shows pictures gives another one when colours of categories change.
    """

    revision: Annotated[int, Field(ge=0, lt=2**31)]
    look: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{0,64}$")] = ""


class UploadResult(Answer):
    """What became of one uploaded file.

    ``file_name`` is its name as it was sent, the image's own may have got a number; ``notes`` are sentences that say
    so, and how many pages of the file were not taken.
    """

    file_name: str
    status: Literal["created", "duplicate", "rejected"]
    image: Image | None
    error: ErrorInfo | None
    notes: list[str]


class UploadResults(Answer):
    """What became of each file, in the order in which they were sent."""

    results: list[UploadResult]


class EmbeddingQuery(Request):
    """How to send the embedding, and how urgently to make it when there is none."""

    dtype: Dtype = Field(
        default="f16",
        description="numbers as 16-bit floats, as 8-bit integers, or, where those floats take more than 4 MiB, "
        "packed (a third of the bytes)",
    )
    priority: Literal["look", "prefetch"] = "look"
    model: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] | None = Field(
        default=None,
        description="hash of the weights whose embedding is wanted: when the project uses another model, what is "
        "stored of these is sent all the same, and nothing is encoded (409 model_changed)",
    )
    region: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        default=None, description="x,y,width,height in image pixels: encode this part on its own, for small objects"
    )


class EmbeddingPending(Answer):
    """The embedding is being made; ``position`` counts the images that come before this one."""

    state: EmbeddingStateName
    position: int | None
    error: str | None
