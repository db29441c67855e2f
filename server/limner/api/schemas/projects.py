"""Projects and categories."""

from __future__ import annotations

from typing import Annotated, Self, cast

from pydantic import Field, Strict, StrictBool, StringConstraints, model_validator

from limner.access import Permission, knows_gold
from limner.api.schemas.base import Answer, Color, NameText, Request
from limner.api.schemas.server import Job
from limner.models.in_use import UsedModel
from limner.service.projects import CategoryInfo, ProjectInfo
from limner.service.projects import NewCategory as CategoryToMake
from limner.vocabulary.events import Timestamp
from limner.vocabulary.states import LEAST_PEOPLE, MOST_PEOPLE, NextOrder

OptionalText = Annotated[str, StringConstraints(strict=True, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Category(Answer):
    """A class of annotations; ``position`` is its place in the list and gives its number key."""

    id: int
    name: str
    supercategory: str
    color: str
    position: int
    annotation_count: int

    @classmethod
    def of(cls, category: CategoryInfo) -> Category:
        """The category as it is told to clients."""
        row = category.row
        return cls(
            id=row.id,
            name=row.name,
            supercategory=row.supercategory,
            color=row.color,
            position=row.position,
            annotation_count=category.annotation_count,
        )


class ProjectModel(Answer):
    """The model that a project uses.

    ``wanted`` is the name that was chosen for it, null for whatever the installation uses; where that cannot be used,
    ``problem`` says why, and the rest is what is used meanwhile.
    """

    name: str
    title: str
    weights_sha256: str
    wanted: str | None
    problem: str

    @classmethod
    def of(cls, used: UsedModel) -> ProjectModel:
        """The model as it is told to clients."""
        card = used.card
        return cls(
            name=card.name,
            title=card.title,
            weights_sha256=card.weights_sha256,
            wanted=used.wanted,
            problem=used.problem,
        )


class Project(Answer):
    """A project, how much is in it, its model, its categories, and what one may do in it.

    ``next_order`` is that in which images are handed out; a random one begins where ``next_seed`` says. ``gold_share``
    of them, 0 to 1, are gold images; null for who is measured by these. Of ``overlap_share`` of the images
    ``overlap_people`` make annotations independently; null likewise. With ``shares_figures``, whoever may annotate in
    the project sees the figures of everybody who does.
    """

    id: int
    name: str
    created: Timestamp
    next_order: NextOrder
    next_seed: int
    gold_share: float | None
    overlap_share: float | None
    overlap_people: int | None
    shares_figures: bool
    image_count: int
    annotated_count: int
    annotation_count: int
    submitted_count: int
    skipped_count: int
    approved_count: int
    returned_count: int
    encoded_count: int
    model: ProjectModel
    categories: list[Category]
    permissions: list[Permission]

    @classmethod
    def of(cls, project: ProjectInfo) -> Project:
        """The project as it is told to clients."""
        row, counts = project.row, project.counts
        knows = knows_gold(project.permissions)
        return cls(
            id=row.id,
            name=row.name,
            created=row.created,
            next_order=cast(NextOrder, row.next_order),
            next_seed=row.next_seed,
            gold_share=row.gold_share if knows else None,
            overlap_share=row.overlap_share if knows else None,
            overlap_people=row.overlap_people if knows else None,
            shares_figures=row.shares_figures,
            image_count=counts.images,
            annotated_count=counts.annotated,
            annotation_count=counts.annotations,
            submitted_count=counts.submitted,
            skipped_count=counts.skipped,
            approved_count=counts.approved,
            returned_count=counts.returned,
            encoded_count=counts.encoded,
            model=ProjectModel.of(project.model),
            categories=[Category.of(category) for category in project.categories],
            permissions=sorted(project.permissions),
        )


class ProjectList(Answer):
    """All projects, oldest first."""

    projects: list[Project]


class NewCategory(Request):
    """A category to create; without a colour it gets the next one of the palette."""

    name: NameText
    supercategory: OptionalText = ""
    color: Color | None = None

    def to_make(self) -> CategoryToMake:
        """The same for the service."""
        return CategoryToMake(self.name, self.supercategory, self.color)


class CategoryChanges(Request):
    """What to change about a category; what is left out stays."""

    name: NameText | None = None
    supercategory: OptionalText | None = None
    color: Color | None = None
    position: Annotated[int, Strict(), Field(ge=0, le=100_000)] | None = None


class NewProject(Request):
    """A project to create, with its first categories in their order."""

    name: NameText
    categories: list[NewCategory] = Field(default_factory=list, max_length=10_000)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [category.name for category in self.categories]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"category names must differ; given twice: {', '.join(twice)}")
        return self


class ProjectChanges(Request):
    """What to change about a project; what is left out stays."""

    name: NameText | None = None
    next_order: NextOrder | None = None
    next_seed: Annotated[int, Strict(), Field(ge=0, lt=2**31)] | None = None
    gold_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    overlap_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    overlap_people: Annotated[int, Strict(), Field(ge=LEAST_PEOPLE, le=MOST_PEOPLE)] | None = None
    shares_figures: StrictBool | None = None


class NewModel(Request):
    """The model that a project is to use: the name of an installed one, or null for whatever the installation uses.

    Its images are encoded by it first, unless ``at_once`` says that they are to be when somebody opens them.
    """

    model: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)] | None
    at_once: bool = False


class ModelChange(Answer):
    """The model that the project uses now, and the job after which it uses the one that is wanted; null: it does."""

    model: ProjectModel
    job: Job | None
