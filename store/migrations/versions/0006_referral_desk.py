"""The referral desk: rewards, personal links, words of messages; histories of postings; a company's words of stages."""

import sqlalchemy as sa
from alembic import op

from store.tables.columns import UtcInstant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ONE_PERSON = sa.text("person_index <> '' AND merged_into IS NULL AND withdrawn_at IS NULL")
_HIRED = sa.text("hired_at IS NOT NULL")
_BY_HAND = sa.text("told_by = 'hand'")
_OTHER_MAILBOX = sa.text("person_index <> ''")
_BY_REFERRAL = sa.text("referral_id IS NOT NULL")
_BY_LINK = sa.text("link_id IS NOT NULL")
_MERGED = sa.text("merged_into IS NOT NULL")
_PAID = sa.text("paid_at IS NOT NULL")
_IN_PAYOUT = sa.text("payout_ref <> ''")
_LISTED = [
    "company_id", "sent_at", "id", "status", "posting_id", "referrer_id", "expires_at", "withdrawn_at", "declined_at",
    "merged_into",
]  # fmt: skip
_OWN_LINK = sa.text("referrer_id IS NOT NULL AND disabled_at IS NULL")


def upgrade() -> None:
    _make_tables()
    _change_tables()


def _make_tables() -> None:
    op.create_table(
        "mail_suppressions",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("email_index", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("reason IN ('unsubscribed', 'not_me', 'bounced')", name="mail_suppressions_reason"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("company_id", "email_index"),
    )
    op.create_table(
        "stage_words",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.CheckConstraint(
            "stage IN ('', 'applied', 'reviewed', 'interviewed', 'offered', 'hired', 'rejected', 'withdrawn')",
            name="stage_words_stage",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("company_id", "words"),
    )
    op.create_table(
        "stage_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", UtcInstant(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("undone_at", UtcInstant(), nullable=True),
        sa.Column("undone_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "stage IN ('applied', 'reviewed', 'interviewed', 'offered', 'hired', 'rejected', 'withdrawn')",
            name="stage_changes_stage",
        ),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["made_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(
            ["undone_by"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stage_changes_company", "stage_changes", ["company_id", "made_at"], unique=False)
    op.create_table(
        "mail_templates",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["updated_by"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("company_id", "kind"),
    )
    op.create_table(
        "posting_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(["posting_id"], ["job_postings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_posting_changes_company", "posting_changes", ["company_id", "at"], unique=False)
    op.create_index("ix_posting_changes_posting", "posting_changes", ["posting_id", "at"], unique=False)

    op.create_table(
        "reward_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=False),
        sa.Column("days_after", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("disabled_at", UtcInstant(), nullable=True),
        sa.Column("settled_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("milestone IN ('applied', 'interviewed', 'hired')", name="reward_rules_milestone"),
        sa.CheckConstraint("amount_minor > 0", name="reward_rules_amount"),
        sa.CheckConstraint("days_after >= 0", name="reward_rules_days"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["job_postings.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reward_rules_company", "reward_rules", ["company_id", "posting_id"], unique=False)

    op.create_table(
        "referral_rewards",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("milestone", sa.Text(), nullable=False),
        sa.Column("days_after", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("approved_at", UtcInstant(), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("paid_at", UtcInstant(), nullable=True),
        sa.Column("paid_by", sa.Uuid(), nullable=True),
        sa.Column("refused_at", UtcInstant(), nullable=True),
        sa.Column("refused_by", sa.Uuid(), nullable=True),
        sa.Column("payout_ref", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("milestone IN ('applied', 'interviewed', 'hired')", name="referral_rewards_milestone"),
        sa.CheckConstraint(
            "state IN ('possible', 'pending', 'approved', 'paid', 'lapsed', 'refused')", name="referral_rewards_state"
        ),
        sa.CheckConstraint("amount_minor > 0", name="referral_rewards_amount"),
        sa.ForeignKeyConstraint(
            ["approved_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["paid_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(
            ["refused_by"],
            ["users.id"],
        ),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["rule_id"],
            ["reward_rules.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("referral_id", "rule_id", name="referral_rewards_rule"),
    )
    op.create_index(
        "ix_referral_rewards_company",
        "referral_rewards",
        ["company_id", "state", "due_on", "id", "currency", "amount_minor"],
        unique=False,
    )
    op.create_index(
        "ix_referral_rewards_paid",
        "referral_rewards",
        ["company_id", "paid_at", "currency", "amount_minor"],
        unique=False,
        sqlite_where=_PAID,
        postgresql_where=_PAID,
    )
    op.create_index(
        "ix_referral_rewards_payout",
        "referral_rewards",
        ["company_id", "payout_ref"],
        unique=False,
        sqlite_where=_IN_PAYOUT,
        postgresql_where=_IN_PAYOUT,
    )


def _change_tables() -> None:
    op.create_index("ix_link_clicks_referral", "link_clicks", ["referral_id", "at"], unique=False)

    op.create_index("ix_platform_outbox_application", "platform_outbox", ["application_id"], unique=False)

    with op.batch_alter_table("mail_outbox") as table:
        table.add_column(sa.Column("tried_at", UtcInstant(), nullable=True))
        table.add_column(sa.Column("asked_by", sa.Text(), server_default="", nullable=False))
        table.create_index("ix_mail_outbox_related", ["related_id", "created_at"], unique=False)
        table.create_index("ix_mail_outbox_tried", ["tried_at"], unique=False)
        table.create_index("ix_mail_outbox_log", ["company_id", "kind", "state", "created_at"], unique=False)

    # Added without rebuilding the table: there may be millions of applications.
    op.add_column("applications", sa.Column("person_index", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_applications_person",
        "applications",
        ["company_id", "person_index"],
        unique=False,
        sqlite_where=_OTHER_MAILBOX,
        postgresql_where=_OTHER_MAILBOX,
    )
    op.create_index(
        "ix_applications_listed", "applications", ["company_id", "source_platform", "stage", "applied_at"], unique=False
    )
    op.drop_index("ix_applications_hired", "applications")
    op.create_index(
        "ix_applications_hired",
        "applications",
        ["company_id", "hired_at"],
        unique=False,
        sqlite_where=_HIRED,
        postgresql_where=_HIRED,
    )
    op.create_index(
        "ix_application_stages_hand",
        "application_stages",
        ["company_id", "ref"],
        unique=False,
        sqlite_where=_BY_HAND,
        postgresql_where=_BY_HAND,
    )
    op.create_index(
        "ix_application_touches_referral",
        "application_touches",
        ["referral_id"],
        unique=False,
        sqlite_where=_BY_REFERRAL,
        postgresql_where=_BY_REFERRAL,
    )

    op.add_column("job_postings", sa.Column("path_pattern", sa.Text(), server_default="", nullable=False))

    with op.batch_alter_table("referrals") as table:
        table.drop_index("ix_referrals_company")
        table.add_column(sa.Column("person_index", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("note", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("link_id", sa.Uuid(), nullable=True))
        table.add_column(sa.Column("expires_at", UtcInstant(), nullable=True))
        table.add_column(sa.Column("status_at", UtcInstant(), nullable=True))
        table.add_column(sa.Column("reached", sa.Text(), server_default="", nullable=False))
        table.create_check_constraint("referrals_reached", "reached IN ('', 'applied', 'interviewed', 'hired')")
        table.add_column(sa.Column("withdrawn_at", UtcInstant(), nullable=True))
        table.add_column(sa.Column("declined_at", UtcInstant(), nullable=True))
        table.add_column(sa.Column("merged_into", sa.Uuid(), nullable=True))
        table.create_index("ix_referrals_email", ["company_id", "email_index"], unique=False)
        table.create_index("ix_referrals_person", ["company_id", "person_index"], unique=False)
        table.create_index("ix_referrals_posting", ["posting_id", "sent_at"], unique=False)
        table.create_index(
            "ix_referrals_merged", ["merged_into"], unique=False, sqlite_where=_MERGED, postgresql_where=_MERGED
        )
        table.create_index(
            "ux_referrals_link",
            ["link_id", "application_id"],
            unique=True,
            sqlite_where=_BY_LINK,
            postgresql_where=_BY_LINK,
        )
        table.create_index("ix_referrals_referrer", ["referrer_id", "sent_at"], unique=False)
        table.create_index("ix_referrals_listed", _LISTED, unique=False)
        table.create_index(
            "ix_referrals_counted",
            [
                "company_id",
                "sent_at",
                "posting_id",
                "referrer_id",
                "reached",
                "converted_at",
                "link_id",
                "merged_into",
            ],
            unique=False,
        )
        table.create_index(
            "ux_referrals_person",
            ["company_id", "posting_id", "person_index"],
            unique=True,
            sqlite_where=_ONE_PERSON,
            postgresql_where=_ONE_PERSON,
        )
        table.create_foreign_key("referrals_link", "tracking_links", ["link_id"], ["id"])
        table.create_foreign_key("referrals_merged", "referrals", ["merged_into"], ["id"])
    # How far who was rejected had come is not known any more: they had applied.
    op.execute(
        "UPDATE referrals SET reached = CASE status WHEN 'pending' THEN '' WHEN 'rejected' THEN 'applied' "
        "ELSE status END"
    )

    with op.batch_alter_table("tracking_links") as table:
        table.add_column(sa.Column("referrer_id", sa.Uuid(), nullable=True))
        table.create_index(
            "ux_tracking_links_referrer",
            ["referrer_id", "posting_id"],
            unique=True,
            sqlite_where=_OWN_LINK,
            postgresql_where=_OWN_LINK,
        )
        table.create_foreign_key("tracking_links_referrer", "users", ["referrer_id"], ["id"])

    with op.batch_alter_table("users") as table:
        table.add_column(sa.Column("is_on_board", sa.Boolean(), server_default=sa.true(), nullable=False))

    with op.batch_alter_table("posting_link_rules") as table:
        table.alter_column("posting_id", existing_type=sa.Uuid(), nullable=True)

    with op.batch_alter_table("imports") as table:
        table.drop_constraint("imports_kind", type_="check")
        table.create_check_constraint("imports_kind", "kind IN ('metrics', 'applications', 'postings')")


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")
