"""Images that are ranked say how many clicks a mask of them is expected to take."""

import sqlalchemy as sa
from alembic import op

revision = "0029_expected_clicks"
down_revision = "0028_image_tags"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is expected until images are ranked again."""
    op.add_column("image_assessments", sa.Column("clicks", sa.Double(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE image_assessments DROP COLUMN clicks")
