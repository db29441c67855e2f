"""Learning runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020_learning"
down_revision = "0019_gold"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FACTS = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "learning_runs",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("recipe", FACTS, nullable=False),
        sa.Column("snapshot", sa.String(255), nullable=False),
        sa.Column("snapshot_sha256", sa.String(64), nullable=False),
        sa.Column("parent", sa.String(64), nullable=False),
        sa.Column("parent_sha256", sa.String(64), nullable=False),
        sa.Column("parent_choice", sa.String(64), nullable=True),
        sa.Column("result", sa.String(64), nullable=True),
        sa.Column("result_sha256", sa.String(64), nullable=True),
        sa.Column("figures", FACTS, nullable=False),
        sa.Column("progress", FACTS, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("user_id", NUMBER, nullable=True),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
        sa.Column("holder", sa.String(96), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('model', 'detector')", name=op.f("ck_learning_runs_kind")),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'cancelled', 'failed')", name=op.f("ck_learning_runs_state")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_learning_runs"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_learning_runs_project_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_learning_runs_state_id", "learning_runs", ["state", "id"])
    op.create_index("ix_learning_runs_project_id_id", "learning_runs", ["project_id", "id"])


def downgrade() -> None:
    """Forget them; the models and detectors stay installed."""
    op.drop_table("learning_runs")
