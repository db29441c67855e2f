"""Images are approved or returned, too. Those that were sent back before wait as returned ones.

On SQLite the column is replaced instead of the table: its CHECK is the column's own, and the table may be large.
"""

from alembic import op

revision = "0011_review"
down_revision = "0010_project_model"
branch_labels = None
depends_on = None

BEFORE = "('waiting', 'submitted', 'skipped')"
AFTER = "('waiting', 'submitted', 'approved', 'returned', 'skipped')"
INDEX = "ix_images_project_id_state_id"


def upgrade() -> None:
    """Allow the new states."""
    _replace_check(AFTER, "{old}")
    op.execute("UPDATE images SET state = 'returned' WHERE state = 'waiting' AND state_changed IS NOT NULL")


def downgrade() -> None:
    """What is approved was submitted; what was returned waits."""
    _replace_check(BEFORE, "CASE {old} WHEN 'approved' THEN 'submitted' WHEN 'returned' THEN 'waiting' ELSE {old} END")


def _replace_check(states: str, value: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute("ALTER TABLE images DROP CONSTRAINT ck_images_state")
        op.execute(f"UPDATE images SET state = {value.format(old='state')}")
        op.execute(f"ALTER TABLE images ADD CONSTRAINT ck_images_state CHECK (state IN {states})")
        return
    op.drop_index(INDEX, "images")
    op.execute("ALTER TABLE images RENAME COLUMN state TO old_state")
    op.execute(
        "ALTER TABLE images ADD COLUMN state VARCHAR(16) DEFAULT 'waiting' NOT NULL"
        f" CONSTRAINT ck_images_state CHECK (state IN {states})"
    )
    op.execute(f"UPDATE images SET state = {value.format(old='old_state')}")
    op.execute("ALTER TABLE images DROP COLUMN old_state")
    op.create_index(INDEX, "images", ["project_id", "state", "id"], unique=False)
