"""Several processes share encoders and rate limits: how each encoder stands, and what was counted of whom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_OBJECT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "encoders",
        sa.Column("holder", sa.String(length=96), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=True),
        sa.Column("status", JSON_OBJECT, nullable=False),
        sa.Column("beat", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("holder", name="pk_encoders"),
    )
    op.create_table(
        "rate_counts",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("count", BIG_INTEGER, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rate_counts"),
    )
    op.create_index("ix_rate_counts_expires", "rate_counts", ["expires"])


def downgrade() -> None:
    """Forget both."""
    op.drop_table("rate_counts")
    op.drop_table("encoders")
