"""The index of applications by e-mail in parts: a file's rows come close together in it (store.emails)."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applications that are there stay in one part, 0."""
    op.add_column("applications", sa.Column("email_part", sa.Integer(), server_default="0", nullable=False))
    op.drop_index("ix_applications_email", "applications")
    op.create_index("ix_applications_email", "applications", ["company_id", "email_part", "email_index"])


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")
