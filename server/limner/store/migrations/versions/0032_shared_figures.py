"""Judgements are rolled up like other figures, and a project may share its figures with who annotates there."""

import sqlalchemy as sa
from alembic import op

revision = "0032_shared_figures"
down_revision = "0031_lists_for_review"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# What is in the trash adds to no figures, and is counted when it comes back.
COUNT_WHAT_WAS_JUDGED = """
UPDATE images SET counted_revision = -1 WHERE trashed IS NULL AND id IN (
    SELECT annotations.image_id FROM judgements JOIN annotations ON annotations.id = judgements.annotation_id
)
"""


def upgrade() -> None:
    """Make the table and the columns; images with judgements are counted anew, by the thread that counts figures."""
    op.create_table(
        "judgement_groups",
        sa.Column("project_id", NUMBER, nullable=False),
        sa.Column("category_id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        *(sa.Column(name, NUMBER, nullable=False) for name in ("right", "wrong", "mended")),
        sa.PrimaryKeyConstraint("project_id", "category_id", "user_id", name="pk_judgement_groups"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_judgement_groups_project_id", ondelete="CASCADE"
        ),
    )
    op.add_column("images", sa.Column("judged", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("projects", sa.Column("shares_figures", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(COUNT_WHAT_WAS_JUDGED)


def downgrade() -> None:
    """Without them, and without what images add to them."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    counted = "json_remove(counted, '$.judged')" if sqlite else "counted - 'judged'"
    op.execute(f"UPDATE image_rollups SET counted = {counted}")  # one of these two
    op.drop_column("projects", "shares_figures")
    op.drop_column("images", "judged")
    op.drop_table("judgement_groups")
