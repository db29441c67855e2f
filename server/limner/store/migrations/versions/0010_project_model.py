"""A project may name the model that it uses; those that there are go on with the installation's."""

import sqlalchemy as sa
from alembic import op

revision = "0010_project_model"
down_revision = "0009_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the name."""
    op.add_column("projects", sa.Column("model", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Every project uses the installation's model again."""
    op.drop_column("projects", "model")
