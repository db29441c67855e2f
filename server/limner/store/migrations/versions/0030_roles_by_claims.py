"""Roles in projects know which identity at a sign-in provider gave them."""

from alembic import op

revision = "0030_roles_by_claims"
down_revision = "0029_expected_clicks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """All roles that there are were given by people."""
    number = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE memberships ADD COLUMN identity_id {number} CONSTRAINT fk_memberships_identity_id"
        " REFERENCES provider_identities (id) ON DELETE CASCADE"
    )
    op.create_index("ix_memberships_identity_id", "memberships", ["identity_id"])


def downgrade() -> None:
    """Forget it; the roles stay."""
    op.drop_index("ix_memberships_identity_id", "memberships")
    with op.batch_alter_table("memberships") as memberships:
        memberships.drop_column("identity_id")
