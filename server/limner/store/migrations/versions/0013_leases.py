"""Images are assigned to people and leased by who works on them; who submitted one last is the author.

Authors are read from the history. The columns are added in place: images may be many.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013_leases"
down_revision = "0012_image_listing"
branch_labels = None
depends_on = None

OPEN = "state IN ('waiting', 'returned')"
INDEXES = {
    "ix_images_open_added": (["project_id", "id"], OPEN),
    "ix_images_open_name": (["project_id", "sort_name", "id"], OPEN),
    "ix_images_open_random": (["project_id", "sha256"], OPEN),
    "ix_images_assigned": (["project_id", "assigned_user_id", "id"], "assigned_user_id IS NOT NULL"),
    "ix_images_held": (["lease_user_id", "project_id"], "lease_user_id IS NOT NULL"),
}
PEOPLE = ("author_id", "assigned_user_id", "lease_user_id")
MOMENTS = ("lease_until", "lease_renewed")


def upgrade() -> None:
    """Add the columns."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name in PEOPLE:
        number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
        op.add_column("images", sa.Column(name, number, nullable=True))
    for name in MOMENTS:
        op.add_column("images", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("images", sa.Column("lease_reserved", sa.Boolean(), server_default=sa.false(), nullable=False))
    for name, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "images", columns, unique=False, sqlite_where=where, postgresql_where=where)
    state = "json_extract(payload, '$.state')" if sqlite else "payload ->> 'state'"
    op.execute(
        "UPDATE images SET author_id = (SELECT user_id FROM edits WHERE edits.image_id = images.id"
        f" AND kind = 'mark' AND {state} = 'submitted' ORDER BY revision DESC LIMIT 1)"
        " WHERE state_changed IS NOT NULL"
    )
    op.execute(
        "ALTER TABLE projects ADD COLUMN next_order VARCHAR(16) DEFAULT 'added' NOT NULL"
        " CONSTRAINT ck_projects_next_order CHECK (next_order IN ('added', 'name', 'random'))"
    )
    op.add_column("projects", sa.Column("next_seed", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Forget who is to work on what."""
    for name in INDEXES:
        op.drop_index(name, "images")
    for name in (*PEOPLE, *MOMENTS, "lease_reserved"):
        op.drop_column("images", name)
    op.drop_column("projects", "next_seed")
    op.drop_column("projects", "next_order")
