"""People have roles, passwords and projects: the administrator of before becomes an owner.

The table of users is built anew on SQLite, which cannot change a CHECK; ``limner.store.migrate`` has foreign keys off
meanwhile, so that nothing that refers to users is touched.
"""

from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0009_people"
down_revision = "0008_suggestions"
branch_labels = None
depends_on = None

BIG_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
NEVER_REUSE_IDS = {"sqlite_autoincrement": True}
PROJECT_ROLES = "('manager', 'reviewer', 'annotator', 'viewer')"


def upgrade() -> None:
    """Add what people have, and make administrators owners."""
    with _users() as batch:
        batch.drop_constraint("role", type_="check")
        batch.add_column(sa.Column("password_hash", sa.String(length=255), nullable=True))
        batch.add_column(sa.Column("disabled", MOMENT, nullable=True))
        batch.add_column(sa.Column("storage_key", sa.String(length=255), server_default="", nullable=False))
    op.execute("UPDATE users SET role = 'owner', storage_key = name")
    with _users() as batch:
        batch.alter_column("storage_key", server_default=None)
        batch.create_check_constraint("role", "role IN ('owner', 'member')")
    for table, columns in (
        (
            "sessions",
            (
                "last_used {moment}",
                "address VARCHAR(64) DEFAULT '' NOT NULL",
                "browser VARCHAR(255) DEFAULT '' NOT NULL",
            ),
        ),
        ("api_tokens", ("scopes VARCHAR(255) DEFAULT 'all' NOT NULL", "expires {moment}", "last_used {moment}")),
    ):
        moment = MOMENT.compile(dialect=op.get_bind().dialect)
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column.format(moment=moment)}")
    op.create_table(
        "memberships",
        sa.Column("project_id", BIG_INTEGER, nullable=False),
        sa.Column("user_id", BIG_INTEGER, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.CheckConstraint(f"role IN {PROJECT_ROLES}", name=op.f("ck_memberships_role")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_memberships_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("id", BIG_INTEGER, autoincrement=True, nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("project_id", BIG_INTEGER, nullable=True),
        sa.Column("project_role", sa.String(length=16), nullable=True),
        sa.Column("note", sa.String(length=255), nullable=False),
        sa.Column("invited_by", BIG_INTEGER, nullable=True),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("used", MOMENT, nullable=True),
        sa.CheckConstraint("role IN ('owner', 'member')", name=op.f("ck_invitations_role")),
        sa.CheckConstraint(f"project_role IN {PROJECT_ROLES}", name=op.f("ck_invitations_project_role")),
        sa.CheckConstraint("(project_id IS NULL) = (project_role IS NULL)", name=op.f("ck_invitations_project")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_invitations_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], name="fk_invitations_invited_by", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("token_sha256", name="uq_invitations_token_sha256"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Whoever owned it administers it; others could not be told apart from them and must not sign in any more."""
    op.drop_table("invitations")
    op.drop_table("memberships")
    for table, columns in (
        ("sessions", ("last_used", "address", "browser")),
        ("api_tokens", ("scopes", "expires", "last_used")),
    ):
        op.execute(f"DELETE FROM {table} WHERE user_id IN (SELECT id FROM users WHERE role <> 'owner')")
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.execute("DELETE FROM login_links WHERE user_id IN (SELECT id FROM users WHERE role <> 'owner')")
    with _users() as batch:
        batch.drop_constraint("role", type_="check")
        for column in ("password_hash", "disabled", "storage_key"):
            batch.drop_column(column)
    op.execute("UPDATE users SET role = 'admin'")
    with _users() as batch:
        batch.create_check_constraint("role", "role IN ('admin')")


def _users() -> AbstractContextManager[BatchOperations]:
    return op.batch_alter_table("users", table_kwargs=NEVER_REUSE_IDS)
