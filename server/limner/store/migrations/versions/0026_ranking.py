"""Images are ranked by what they would teach a model. The column is added as SQL, as in 0002."""

import sqlalchemy as sa
from alembic import op

revision = "0026_ranking"
down_revision = "0025_overlap"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNRANKED = 999_999_999
OPEN_IMAGES = sa.text("state IN ('waiting', 'returned')")


def upgrade() -> None:
    """No image has a rank yet."""
    op.execute(f"ALTER TABLE images ADD COLUMN learning_rank INTEGER DEFAULT {UNRANKED} NOT NULL")
    columns = ["project_id", "learning_rank", "id"]
    op.create_index("ix_images_project_id_learning_rank_id", "images", columns)
    op.create_index("ix_images_open_rank", "images", columns, sqlite_where=OPEN_IMAGES, postgresql_where=OPEN_IMAGES)
    op.create_table(
        "image_assessments",
        sa.Column("image_id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("model_sha256", sa.String(64), nullable=False),
        sa.Column("predicted_iou", sa.Double(), nullable=False),
        sa.Column("stability", sa.Double(), nullable=False),
        sa.Column("agreement", sa.Double(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_image_assessments_image_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("image_id", name="pk_image_assessments"),
    )
    _allow("'added', 'name', 'random', 'informative'")


def downgrade() -> None:
    """Forget the ranks."""
    op.execute("UPDATE projects SET next_order = 'added' WHERE next_order = 'informative'")
    _allow("'added', 'name', 'random'")
    op.drop_table("image_assessments")
    for name in ("ix_images_open_rank", "ix_images_project_id_learning_rank_id"):
        op.drop_index(name, "images")
    op.execute("ALTER TABLE images DROP COLUMN learning_rank")


def _allow(orders: str) -> None:
    """The column with another check; on SQLite in the place of the old one, so that the table need not be made anew."""
    check = f"CONSTRAINT ck_projects_next_order CHECK (next_order IN ({orders}))"
    if op.get_bind().dialect.name != "sqlite":
        op.execute("ALTER TABLE projects DROP CONSTRAINT ck_projects_next_order")
        op.execute(f"ALTER TABLE projects ADD {check}")
        return
    new = check.replace("next_order IN", "new_order IN")
    op.execute(f"ALTER TABLE projects ADD COLUMN new_order VARCHAR(16) DEFAULT 'added' NOT NULL {new}")
    op.execute("UPDATE projects SET new_order = next_order")
    op.execute("ALTER TABLE projects DROP COLUMN next_order")
    op.execute("ALTER TABLE projects RENAME COLUMN new_order TO next_order")
