"""Categories are numbered from 1 in each project, files know how many pages they had, no two images share a name.

Names become Unicode's form NFC; of images of one project that then have the same name all but the oldest get another,
and so do categories. The columns are added as SQL, as in 0002.
"""

import unicodedata
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from limner.vocabulary.names import MAX_TEXT, distinct_file_name

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = {
    "projects": ("last_category_number INTEGER DEFAULT 0 NOT NULL", "unlabelled_number INTEGER"),
    "categories": ("number INTEGER DEFAULT 0 NOT NULL",),
    "images": ("pages INTEGER DEFAULT 1 NOT NULL",),
}


def upgrade() -> None:
    """Add the columns, number the categories in the order in which they were made, make names distinct."""
    for table, columns in COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    op.execute(
        "UPDATE categories SET number = (SELECT count(*) FROM categories AS other"
        " WHERE other.project_id = categories.project_id AND other.id <= categories.id)"
    )
    op.execute(
        "UPDATE projects SET last_category_number ="
        " (SELECT count(*) FROM categories WHERE categories.project_id = projects.id)"
    )
    _make_distinct("images", "file_name", distinct_file_name)
    _make_distinct("categories", "name", _distinct_name)
    op.create_index("uq_categories_project_id_number", "categories", ["project_id", "number"], unique=True)
    op.drop_index("ix_images_project_id_file_name", "images")
    op.create_index("uq_images_project_id_file_name", "images", ["project_id", "file_name"], unique=True)


def downgrade() -> None:
    """Forget numbers and pages; names stay as they are now."""
    op.drop_index("uq_images_project_id_file_name", "images")
    op.create_index("ix_images_project_id_file_name", "images", ["project_id", "file_name"], unique=False)
    op.drop_index("uq_categories_project_id_number", "categories")
    for table, columns in COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column.split()[0]}")


def _distinct_name(name: str, number: int) -> str:
    end = f" ({number})"
    return name[: MAX_TEXT - len(end)] + end


def _make_distinct(table: str, column: str, distinct: Callable[[str, int], str]) -> None:
    """Give every row whose name in NFC an older row of its project has another name."""
    rows = sa.table(table, sa.column("id"), sa.column("project_id"), sa.column(column))
    name = rows.c[column]
    connection = op.get_bind()
    taken: set[tuple[int, str]] = set()
    kept: set[tuple[int, str]] = set()
    changes: list[dict[str, object]] = []
    everything = connection.execute(sa.select(rows.c.id, rows.c.project_id, name).order_by(rows.c.id)).all()
    kept.update((project_id, unicodedata.normalize("NFC", old)) for _, project_id, old in everything)
    for row_id, project_id, old in everything:
        wanted = unicodedata.normalize("NFC", old)
        new, number = wanted, 2
        while (project_id, new) in taken or (new != wanted and (project_id, new) in kept):
            new, number = distinct(wanted, number), number + 1
        taken.add((project_id, new))
        if new != old:
            changes.append({"row": row_id, "new": new})
    changed = sa.update(rows).where(rows.c.id == sa.bindparam("row")).values({column: sa.bindparam("new")})
    # Away first: a name may still be that of a row that is about to get another.
    for change in changes:
        connection.execute(changed, {"row": change["row"], "new": f"limner-renaming-{change['row']}"})
    if changes:
        connection.execute(changed, changes)
