"""The books of what applications and referrals make into facts, and the indexes that find a day's stages."""

import sqlalchemy as sa
from alembic import op

from store.tables.columns import UtcInstant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "application_dirty_days",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("made_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "projections",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("config_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company_no", "platform"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "projected_days",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("metric", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("by_file", sa.Integer(), nullable=False),
        sa.Column("by_event", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company_no", "day", "platform", "metric"),
        sqlite_with_rowid=False,
    )
    for stage in ("interviewed", "offered"):
        op.create_index(
            f"ix_applications_{stage}",
            "applications",
            ["company_id", f"{stage}_at"],
            sqlite_where=sa.text(f"{stage}_at IS NOT NULL"),
            postgresql_where=sa.text(f"{stage}_at IS NOT NULL"),
        )
    op.create_index("ix_referrals_application", "referrals", ["application_id"])


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")
