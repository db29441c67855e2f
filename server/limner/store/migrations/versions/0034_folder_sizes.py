"""Sums of how many images are in which folder, so that nobody reads the names of a million images to list folders.

As those of sizes they are of the images that were counted. Each counted image keeps which folder it added to, so that
it can be taken out when it is gone; one that is gone already has added to none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0034_folder_sizes"
down_revision = "0033_project_sizes"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PATH = sa.String(1024).with_variant(sa.String(1024, collation="C"), "postgresql")

FOLDER = "RTRIM(RTRIM(images.file_name, REPLACE(images.file_name, '/', '')), '/')"
IN_ONE = "REPLACE(images.file_name, '/', '') <> images.file_name"

NOTE_IN_SQLITE = f"""
UPDATE image_rollups SET counted = json_set(counted, '$.folders', json((
  SELECT json_array(json_array({FOLDER}, 1)) FROM images WHERE images.id = image_rollups.image_id)))
WHERE image_id IN (SELECT images.id FROM images WHERE {IN_ONE})
"""
NOTE_IN_POSTGRESQL = f"""
UPDATE image_rollups
SET counted = counted || jsonb_build_object('folders', jsonb_build_array(jsonb_build_array({FOLDER}, 1)))
FROM images WHERE images.id = image_rollups.image_id AND {IN_ONE}
"""
FORGET_IN_SQLITE = "UPDATE image_rollups SET counted = json_remove(counted, '$.folders')"
FORGET_IN_POSTGRESQL = "UPDATE image_rollups SET counted = counted - 'folders'"


def upgrade() -> None:
    """Add up what is counted already."""
    op.create_table(
        "folder_sizes",
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("path", PATH, nullable=False),
        sa.Column("images", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_folder_sizes_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "path", name="pk_folder_sizes"),
    )
    op.execute(NOTE_IN_SQLITE if op.get_bind().dialect.name == "sqlite" else NOTE_IN_POSTGRESQL)
    op.execute(
        f"""INSERT INTO folder_sizes (project_id, path, images) SELECT image_rollups.project_id, {FOLDER}, COUNT(*)
        FROM image_rollups JOIN images ON images.id = image_rollups.image_id WHERE {IN_ONE} GROUP BY 1, 2"""
    )


def downgrade() -> None:
    """Without them."""
    op.drop_table("folder_sizes")
    op.execute(FORGET_IN_SQLITE if op.get_bind().dialect.name == "sqlite" else FORGET_IN_POSTGRESQL)
