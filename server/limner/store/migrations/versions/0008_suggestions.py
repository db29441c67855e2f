"""Masks that machines propose, and what people decided about them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008_suggestions"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_OBJECT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "suggestions",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("uid", sa.String(length=36), nullable=False),
        sa.Column("image_id", BIG_INTEGER, nullable=False),
        sa.Column("category_id", BIG_INTEGER, nullable=True),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("area", BIG_INTEGER, nullable=False),
        sa.Column("bbox_x", sa.Integer(), nullable=False),
        sa.Column("bbox_y", sa.Integer(), nullable=False),
        sa.Column("bbox_width", sa.Integer(), nullable=False),
        sa.Column("bbox_height", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("stability", sa.Double(), nullable=True),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("prompt", JSON_OBJECT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("decided", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('open', 'accepted', 'refused')", name=op.f("ck_suggestions_state")),
        sa.CheckConstraint("score >= 0 AND score <= 1", name=op.f("ck_suggestions_score")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name="fk_suggestions_category_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_suggestions_image_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_suggestions"),
        sa.UniqueConstraint("uid", name="uq_suggestions_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suggestions_category_id", "suggestions", ["category_id"])
    op.create_index("ix_suggestions_image_id_state_score", "suggestions", ["image_id", "state", "score"])


def downgrade() -> None:
    """Forget them."""
    op.drop_table("suggestions")
