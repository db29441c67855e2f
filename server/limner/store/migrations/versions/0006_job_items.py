"""Jobs have items that are claimed and leased.

Jobs that run go on: their counters then count what is left to do instead of the whole project, and their items are made
anew from the first image on. The old table is copied instead of altered, for the kinds of jobs are no longer listed in
it; no other table refers to it yet.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON_OBJECT = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
MOMENT = sa.DateTime(timezone=True)
NEVER_REUSE_IDS = {"sqlite_autoincrement": True}
WITHOUT_JOB = sa.text("job_id IS NULL")


def upgrade() -> None:
    """Add the items, and where each job stands in its project."""
    numbered = _last_number()
    with op.batch_alter_table("jobs", table_kwargs=NEVER_REUSE_IDS) as batch:
        batch.drop_constraint("kind", type_="check")
        batch.add_column(sa.Column("cursor", BIG_INTEGER, server_default="0", nullable=False))
        batch.add_column(sa.Column("payload", JSON_OBJECT, server_default="{}", nullable=False))
    _go_on_after(numbered)
    op.execute(
        "UPDATE jobs SET total = total - done, done = 0, failed = 0 WHERE state IN ('running', 'paused', 'failed')"
    )
    op.create_table(
        "job_items",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("job_id", BIG_INTEGER, nullable=True),
        sa.Column("kind", sa.String(length=96), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("holder", sa.String(length=96), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("payload", JSON_OBJECT, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'running', 'paused', 'failed')", name=op.f("ck_job_items_state")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_items_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_job_items"),
        sa.UniqueConstraint("kind", "key", "job_id", name="uq_job_items_kind_key_job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_job_items_without_job",
        "job_items",
        ["kind", "key"],
        unique=True,
        sqlite_where=WITHOUT_JOB,
        postgresql_where=WITHOUT_JOB,
    )
    op.create_index("ix_job_items_claim", "job_items", ["kind", "state", "priority", "not_before", "id"])
    op.create_index("ix_job_items_job_id_state", "job_items", ["job_id", "state"])


def downgrade() -> None:
    """Forget the items; jobs that run count the whole project again when they go on."""
    op.drop_table("job_items")
    numbered = _last_number()
    with op.batch_alter_table("jobs", table_kwargs=NEVER_REUSE_IDS) as batch:
        batch.drop_column("payload")
        batch.drop_column("cursor")
        batch.create_check_constraint("kind", "kind IN ('precompute')")
    _go_on_after(numbered)


def _last_number() -> int | None:
    """The last id that SQLite gave to a job, gone or not; None on PostgreSQL, which alters the table itself."""
    if op.get_bind().dialect.name != "sqlite":
        return None
    number: int | None = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'"))
    return number


def _go_on_after(number: int | None) -> None:
    """Have the copied table number its rows from there on."""
    if number is not None:
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'jobs'")
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('jobs', {number})")
