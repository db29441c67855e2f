"""Projects, their categories and their snapshots."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import NEVER_REUSE_IDS, Base, where
from limner.store.types import (
    BIG_INTEGER,
    BigInt,
    Created,
    Id,
    Name,
    Sha256,
)


class Project(Base):
    """Images that are annotated with one set of categories.

    Or somebody's copies of such images (``store.copies``), or the trash of such a project (``store.trash``).
    """

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint("next_order IN ('added', 'name', 'random', 'informative')", name="next_order"),
        Index("uq_projects_copies", "copies_of", "copies_for", unique=True, **where("copies_of IS NOT NULL")),
        Index("uq_projects_trash_of", "trash_of", unique=True, **where("trash_of IS NOT NULL")),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    name: Mapped[Name]
    created: Mapped[Created]
    last_category_number: Mapped[int] = mapped_column(default=0, server_default="0")  # the highest that was ever given
    model: Mapped[str | None] = mapped_column(String(64))  # name of the model it uses; none: the installation's
    next_order: Mapped[str] = mapped_column(String(16), default="added", server_default="added")  # states.NextOrder
    next_seed: Mapped[int] = mapped_column(default=0, server_default="0")  # where the random order begins
    unlabelled_number: Mapped[int | None]  # stands for "no category" in exports; given when the first one needs it
    gold_share: Mapped[float] = mapped_column(default=0.05, server_default="0.05")  # of images handed out, 0 to 1
    overlap_share: Mapped[float] = mapped_column(default=0.0, server_default="0")  # of images, 0 to 1, on which each
    overlap_people: Mapped[int] = mapped_column(default=2, server_default="2")  # so many people work independently
    shares_figures: Mapped[bool] = mapped_column(default=False, server_default=false())  # with all who annotate in it
    copies_of: Mapped[int | None] = mapped_column(BIG_INTEGER)  # number of the project whose images they are copies of
    copies_for: Mapped[int | None] = mapped_column(BIG_INTEGER)  # number of the person whose copies these are
    trash_of: Mapped[int | None] = mapped_column(BIG_INTEGER)  # number of the project whose deleted images these are


class Category(Base):
    """A class of annotations, as in COCO. ``position`` orders them and gives the number key.

    ``number`` is its id in exports: 1, 2, … in each project, never changed and never given again, because tools that
    train count on classes from 1 to N.
    """

    __tablename__ = "categories"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        Index("uq_categories_project_id_number", "project_id", "number", unique=True),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[Name]
    supercategory: Mapped[Name]
    color: Mapped[str] = mapped_column(String(7))  # #rrggbb
    position: Mapped[int]
    number: Mapped[int] = mapped_column(server_default="0")


class Snapshot(Base):
    """The annotations of a project as they stood once, under a name: a COCO file among the blobs that never changes."""

    __tablename__ = "snapshots"
    __table_args__ = (UniqueConstraint("project_id", "name"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[Name]
    sha256: Mapped[Sha256] = mapped_column(index=True)  # of the file
    bytes: Mapped[BigInt]
    images: Mapped[int]
    annotations: Mapped[int]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # who took it
    created: Mapped[Created]
