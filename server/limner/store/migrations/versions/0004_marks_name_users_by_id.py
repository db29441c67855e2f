"""Who marked an image is kept by id instead of by name, so that people can be renamed.

The id is that of the image's last marking edit, or else of the user who has the name. Columns are added and dropped as
SQL, as in 0002: SQLite would otherwise build the table anew. For the same reason the column is no foreign key; rows of
users are never deleted.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Look the names up."""
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(f"ALTER TABLE images ADD COLUMN state_user_id {kind}")
    op.execute(
        "UPDATE images SET state_user_id = coalesce("
        " (SELECT user_id FROM edits WHERE edits.image_id = images.id AND edits.kind = 'mark'"
        " ORDER BY edits.revision DESC LIMIT 1),"
        " (SELECT users.id FROM users WHERE users.name = images.state_by))"
        " WHERE state_by IS NOT NULL"
    )
    op.execute("ALTER TABLE images DROP COLUMN state_by")


def downgrade() -> None:
    """Write the names down again."""
    op.execute("ALTER TABLE images ADD COLUMN state_by VARCHAR(255)")
    op.execute("UPDATE images SET state_by = (SELECT users.name FROM users WHERE users.id = images.state_user_id)")
    op.execute("ALTER TABLE images DROP COLUMN state_user_id")
