"""Signing in with OpenID Connect: identities at providers, sign-ins under way, e-mail addresses of invitations."""

import sqlalchemy as sa
from alembic import op

revision = "0024_sign_in_providers"
down_revision = "0023_trash"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and columns."""
    op.add_column("sessions", sa.Column("sign_out_address", sa.Text(), nullable=True))
    op.add_column("invitations", sa.Column("email", sa.String(255), nullable=False, server_default=""))
    op.create_table(
        "provider_identities",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("issuer", sa.String(512), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("shown_as", sa.String(255), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_provider_identities_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_provider_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_provider_identities_issuer_subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_provider_identities_user_id", "provider_identities", ["user_id"])
    op.create_table(
        "pending_sign_ins",
        sa.Column("state_sha256", sa.String(64), nullable=False),
        sa.Column("browser_sha256", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("verifier", sa.String(64), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("invitation_id", NUMBER, nullable=True),
        sa.Column("session_sha256", sa.String(64), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.id"], name="fk_pending_sign_ins_invitation_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_sha256"], ["sessions.id_sha256"], name="fk_pending_sign_ins_session_sha256", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("state_sha256", name="pk_pending_sign_ins"),
    )
    for column in ("invitation_id", "session_sha256", "expires"):
        op.create_index(f"ix_pending_sign_ins_{column}", "pending_sign_ins", [column])


def downgrade() -> None:
    """Forget the providers."""
    op.drop_table("pending_sign_ins")
    op.drop_table("provider_identities")
    with op.batch_alter_table("invitations") as invitations:
        invitations.drop_column("email")
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("sign_out_address")
