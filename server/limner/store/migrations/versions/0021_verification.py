"""Masks that people looked at and judged, and since which revision a mask is what it is."""

import sqlalchemy as sa
from alembic import op

revision = "0021_verification"
down_revision = "0020_learning"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table; what there is was changed before any judgement."""
    op.add_column("annotations", sa.Column("content_revision", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "judgements",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("annotation_id", NUMBER, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("user_id", NUMBER, nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_judgements"),
        sa.UniqueConstraint("annotation_id", "revision", name="uq_judgements_annotation_id_revision"),
        sa.ForeignKeyConstraint(
            ["annotation_id"], ["annotations.id"], name="fk_judgements_annotation_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("verdict IN ('right', 'wrong')", name="verdict"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Forget what was judged."""
    op.drop_table("judgements")
    op.drop_column("annotations", "content_revision")
