"""The role in which somebody referred: another one later neither gives nor takes a reward."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty for referrals made before: their referrer's present role is noted when they are next settled."""
    op.add_column("referrals", sa.Column("referrer_role", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")
