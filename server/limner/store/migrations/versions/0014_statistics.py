"""Statistics: what each image adds, and sums by day. Nothing is counted yet: the server does so once it runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014_statistics"
down_revision = "0013_leases"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTS = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("images", sa.Column("counted_revision", sa.Integer(), server_default="-1", nullable=False))
    uncounted = sa.text("revision <> counted_revision")
    op.create_index(
        "ix_images_uncounted",
        "images",
        ["project_id", "id"],
        unique=False,
        sqlite_where=uncounted,
        postgresql_where=uncounted,
    )
    op.create_table(
        "image_rollups",
        sa.Column("image_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("counted", COUNTS, nullable=False),
        sa.PrimaryKeyConstraint("image_id", name="pk_image_rollups"),
        _of_project("image_rollups"),
    )
    op.create_index("ix_image_rollups_project_id", "image_rollups", ["project_id"])
    gone = sa.text("gone")
    op.create_index(
        "ix_image_rollups_gone",
        "image_rollups",
        ["project_id", "image_id"],
        unique=False,
        sqlite_where=gone,
        postgresql_where=gone,
    )
    op.create_table(
        "effort_groups",
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("category_id", NUMBER, nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("project_id", "user_id", "category_id", "model_sha256", name="pk_effort_groups"),
        _of_project("effort_groups"),
    )
    op.create_table(
        "effort_days",
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("project_id", "user_id", "day", name="pk_effort_days"),
        _of_project("effort_days"),
    )
    op.create_table(
        "state_days",
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("author_id", NUMBER, nullable=False),
        sa.Column("images", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "day", "before", "after", "user_id", "author_id", name="pk_state_days"),
        _of_project("state_days"),
    )


def downgrade() -> None:
    """Forget the sums."""
    for table in ("state_days", "effort_days", "effort_groups", "image_rollups"):
        op.drop_table(table)
    op.drop_index("ix_images_uncounted", "images")
    op.drop_column("images", "counted_revision")


def _sums() -> list[sa.Column[int]]:
    names = ("masks", "timed", "milliseconds", "clicked", "clicks")
    return [sa.Column(name, NUMBER, nullable=False) for name in names]


def _of_project(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_project_id"
    return sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=name, ondelete="CASCADE")
