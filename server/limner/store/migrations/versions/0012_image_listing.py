"""Images are listed by natural name and by number of annotations, along indexes.

The column is added as SQL, as in 0002.
"""

import sqlalchemy as sa
from alembic import op

from limner.vocabulary.listing import MAX_SORT_KEY, natural_key

revision = "0012_image_listing"
down_revision = "0011_review"
branch_labels = None
depends_on = None

BATCH = 5000  # rows read and written at a time
INDEXES = {
    "ix_images_project_id_sort_name_id": ["project_id", "sort_name", "id"],
    "ix_images_project_id_annotation_count_id": ["project_id", "annotation_count", "id"],
}


def upgrade() -> None:
    """Add the key and give every image its own."""
    connection = op.get_bind()
    collation = "" if connection.dialect.name == "sqlite" else ' COLLATE "C"'
    op.execute(f"ALTER TABLE images ADD COLUMN sort_name VARCHAR({MAX_SORT_KEY}){collation} DEFAULT '' NOT NULL")
    images = sa.table("images", sa.column("id"), sa.column("file_name"), sa.column("sort_name"))
    some = sa.select(images.c.id, images.c.file_name).order_by(images.c.id).limit(BATCH)
    changed = sa.update(images).where(images.c.id == sa.bindparam("row")).values(sort_name=sa.bindparam("key"))
    last = 0
    while rows := connection.execute(some.where(images.c.id > last)).all():
        connection.execute(changed, [{"row": row.id, "key": natural_key(row.file_name)} for row in rows])
        last = rows[-1].id
    for name, columns in INDEXES.items():
        op.create_index(name, "images", columns, unique=False)


def downgrade() -> None:
    """Forget the key."""
    for name in INDEXES:
        op.drop_index(name, "images")
    op.execute("ALTER TABLE images DROP COLUMN sort_name")
