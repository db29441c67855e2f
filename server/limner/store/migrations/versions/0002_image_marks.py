"""Images are waiting, submitted or skipped.

The columns are added as SQL: both databases read it, and SQLite adds a column with its constraints in place. Alembic's
batch mode would build the table anew, and dropping the old one would take its annotations along.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (
    "state VARCHAR(16) DEFAULT 'waiting' NOT NULL"
    " CONSTRAINT ck_images_state CHECK (state IN ('waiting', 'submitted', 'skipped'))",
    "state_note TEXT DEFAULT '' NOT NULL",
    "state_by VARCHAR(255)",
    "state_changed {moment}",
)


def upgrade() -> None:
    """Add the state with its note, who set it and when."""
    moment = sa.DateTime(timezone=True).compile(dialect=op.get_bind().dialect)
    for column in COLUMNS:
        op.execute(f"ALTER TABLE images ADD COLUMN {column.format(moment=moment)}")
    op.create_index("ix_images_project_id_state_id", "images", ["project_id", "state", "id"], unique=False)


def downgrade() -> None:
    """Forget the states."""
    op.drop_index("ix_images_project_id_state_id", "images")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE images DROP COLUMN {column.split()[0]}")
