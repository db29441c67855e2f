"""Snapshots: annotations of a project as they stood once."""

import sqlalchemy as sa
from alembic import op

revision = "0018_snapshots"
down_revision = "0017_audit"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "snapshots",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", NUMBER, nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("annotations", sa.Integer(), nullable=False),
        sa.Column("user_id", NUMBER, nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
        sa.UniqueConstraint("project_id", "name", name="uq_snapshots_project_id_name"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_snapshots_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_snapshots_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_snapshots_sha256", "snapshots", ["sha256"])


def downgrade() -> None:
    """Forget them; their files are removed when all blobs are walked through."""
    op.drop_table("snapshots")
