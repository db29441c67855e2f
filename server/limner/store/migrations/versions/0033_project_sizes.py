"""Sums of how much is in a project, so that nobody counts a million images to show a page.

They are those of the images that were counted; the others are added when somebody asks. And an index from which is read
what embeddings take, without their rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033_project_sizes"
down_revision = "0032_shared_figures"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = ("submitted", "skipped", "approved", "returned")
SIZES = ("images", "annotated", "annotations", *STATES)


def upgrade() -> None:
    """Add up what is counted already."""
    op.create_table(
        "project_sizes",
        sa.Column("project_id", NUMBER, nullable=False),
        *[sa.Column(name, NUMBER, nullable=False) for name in SIZES],
        sa.Column("encoded_counted", sa.DateTime(timezone=True), nullable=True),
        sa.Column("encoded_seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_project_sizes_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", name="pk_project_sizes"),
    )
    op.create_table(
        "encoded_counts",
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("preprocessing_version", sa.Integer(), nullable=False),
        sa.Column("images", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_encoded_counts_project_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "model_sha256", "preprocessing_version", name="pk_encoded_counts"),
    )
    masks = (
        "json_array_length(image_rollups.counted, '$.effort')"
        if op.get_bind().dialect.name == "sqlite"
        else "jsonb_array_length(image_rollups.counted -> 'effort')"
    )
    states = ", ".join(
        f"""(SELECT COALESCE(SUM(CASE WHEN "after" = '{state}' THEN images ELSE -images END), 0) FROM state_days
        WHERE state_days.project_id = projects.id AND '{state}' IN ("before", "after") AND "before" <> "after")"""
        for state in STATES
    )
    op.execute(
        f"""INSERT INTO project_sizes (project_id, {", ".join(SIZES)}) SELECT projects.id,
        (SELECT COUNT(*) FROM image_rollups WHERE image_rollups.project_id = projects.id),
        (SELECT COUNT(*) FROM image_rollups WHERE image_rollups.project_id = projects.id AND {masks} > 0),
        (SELECT COALESCE(SUM(masks), 0) FROM effort_groups WHERE effort_groups.project_id = projects.id),
        {states}
        FROM projects WHERE EXISTS (SELECT 1 FROM image_rollups WHERE image_rollups.project_id = projects.id)"""
    )
    op.create_index("ix_embeddings_removal_order_bytes", "embeddings", ["removal_order", "bytes"])
    op.drop_index("ix_embeddings_removal_order", "embeddings")


def downgrade() -> None:
    """Without them."""
    op.create_index("ix_embeddings_removal_order", "embeddings", ["removal_order"])
    op.drop_index("ix_embeddings_removal_order_bytes", "embeddings")
    op.drop_table("encoded_counts")
    op.drop_table("project_sizes")
