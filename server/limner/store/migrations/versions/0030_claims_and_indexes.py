"""Roles in projects know which identity at a sign-in provider gave them; indexes tell what lists ask of annotations.

SQLite adds no foreign key to a table that is there: the table, to which nothing refers, is made anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030_claims_and_indexes"
down_revision = "0029_expected_clicks"
branch_labels = None
depends_on = None

KEPT = "project_id, user_id, role, created"
ROLES = "('manager', 'reviewer', 'annotator', 'viewer')"
ANNOTATIONS = {  # the wider index, and the one whose place it takes
    "ix_annotations_category_id_image_id": (
        ["category_id", "image_id", "deleted"],
        ("ix_annotations_category_id", ["category_id"]),
    ),
    "ix_annotations_image_id_position_id": (
        ["image_id", "position", "id", "deleted"],
        ("ix_annotations_image_id_position", ["image_id", "position"]),
    ),
}
IDENTITY = "fk_memberships_identity_id"


def upgrade() -> None:
    """All roles that there are were given by people."""
    if op.get_bind().dialect.name == "sqlite":
        key = sa.ForeignKeyConstraint(["identity_id"], ["provider_identities.id"], name=IDENTITY, ondelete="CASCADE")
        _make_anew(sa.Column("identity_id", sa.Integer(), nullable=True), key)
    else:
        op.add_column("memberships", sa.Column("identity_id", sa.BigInteger(), nullable=True))
        op.create_foreign_key(
            IDENTITY, "memberships", "provider_identities", ["identity_id"], ["id"], ondelete="CASCADE"
        )
    op.create_index("ix_memberships_identity_id", "memberships", ["identity_id"])
    for name, (columns, (before, _)) in ANNOTATIONS.items():
        op.create_index(name, "annotations", columns)
        op.drop_index(before, "annotations")


def downgrade() -> None:
    """Forget it; the roles stay."""
    for name, (_, before) in ANNOTATIONS.items():
        op.create_index(before[0], "annotations", before[1])
        op.drop_index(name, "annotations")
    op.drop_index("ix_memberships_identity_id", "memberships")
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_column("memberships", "identity_id")


def _make_anew(*more: sa.schema.SchemaItem) -> None:
    op.create_table(
        "new_memberships",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        *more,
        sa.CheckConstraint(f"role IN {ROLES}", name=op.f("ck_memberships_role")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_memberships_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_memberships"),
    )
    op.execute(f"INSERT INTO new_memberships ({KEPT}) SELECT {KEPT} FROM memberships")
    op.drop_table("memberships")
    op.rename_table("new_memberships", "memberships")
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])
