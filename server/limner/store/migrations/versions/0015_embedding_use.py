"""Embeddings say when they were used last and in which order they may be removed; those there are count from when they
were made.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015_embedding_use"
down_revision = "0014_statistics"
branch_labels = None
depends_on = None

COLUMNS = ("last_used", "removal_order")
INDEX = "ix_embeddings_removal_order"
LONG_AGO = "1970-01-01 00:00:00.000000"  # a constant, so that the column is added in place


def upgrade() -> None:
    """Add the columns."""
    for name in COLUMNS:
        moment = sa.Column(name, sa.DateTime(timezone=True), server_default=LONG_AGO, nullable=False)
        op.add_column("embeddings", moment)
    op.execute("UPDATE embeddings SET last_used = created, removal_order = created")
    op.create_index(INDEX, "embeddings", ["removal_order"], unique=False)


def downgrade() -> None:
    """Forget when they were used."""
    op.drop_index(INDEX, "embeddings")
    for name in COLUMNS:
        op.drop_column("embeddings", name)
