"""Events in, what is said to platforms, and what is told about them: webhooks, tracker, links, outboxes, health."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from store.tables.columns import UtcInstant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LINK_FIELDS = "field IN ('requisition_ref', 'title', 'path', 'external_ref', 'link', 'campaign')"


def upgrade() -> None:
    _make_tables()
    _add_columns()


def _make_tables() -> None:
    op.create_table(
        "counter_snapshots",
        sa.Column("config_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("external_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("metric", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("is_exact", sa.Boolean(), nullable=False),
        sa.Column("taken_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("config_no", "external_no", "metric", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "platform_health",
        sa.Column("config_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("waits", sa.BigInteger(), nullable=False),
        sa.Column("waited_ms", sa.BigInteger(), nullable=False),
        sa.Column("total_ms", sa.BigInteger(), nullable=False),
        sa.Column("slowest_ms", sa.BigInteger(), nullable=False),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.Column("quota_left", sa.BigInteger(), nullable=True),
        sa.Column("quota_total", sa.BigInteger(), nullable=True),
        sa.Column("quota_resets_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("config_no", "hour"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_dirty_days",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "idempotent_requests",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", sqlmodel.AutoString(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("company_id", "key_hash"),
    )
    op.create_table(
        "mail_outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("recipient_index", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("related_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcInstant(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", UtcInstant(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("sent_at", UtcInstant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'unknown', 'sent', 'refused', 'dead')", name="mail_outbox_state"
        ),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "idempotency_key", name="mail_outbox_key"),
    )
    op.create_index("ix_mail_outbox_company", "mail_outbox", ["company_id", "created_at"], unique=False)
    op.create_index("ix_mail_outbox_due", "mail_outbox", ["state", "next_attempt_at"], unique=False)

    op.create_table(
        "tracker_sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("last_event_at", UtcInstant(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("disabled_at", UtcInstant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "event_projections",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("config_no", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("since", sa.JSON(), nullable=False),
        sa.Column("covered_until", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("company_no", "platform"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "visitor_salts",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("made_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("company_id", "day"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("last_at", UtcInstant(), nullable=False),
        sa.Column("told_at", UtcInstant(), nullable=True),
        sa.Column("recovered_at", UtcInstant(), nullable=True),
        sa.Column("recovery_told_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("severity IN ('low', 'medium', 'critical')", name="alerts_severity"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["config_id"],
            ["platform_configs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alerts_company", "alerts", ["company_id", "opened_at"], unique=False)
    op.create_index(
        "ux_alerts_open",
        "alerts",
        ["company_id", "subject", "cause_code"],
        unique=True,
        sqlite_where=sa.text("recovered_at IS NULL"),
        postgresql_where=sa.text("recovered_at IS NULL"),
    )

    op.create_table(
        "oauth_requests",
        sa.Column("state_hash", sqlmodel.AutoString(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=True),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.Column("used_at", UtcInstant(), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["config_id"], ["platform_configs.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("state_hash"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=False),
        sa.Column("hook_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("previous_secret", sa.Text(), nullable=False),
        sa.Column("previous_until", UtcInstant(), nullable=True),
        sa.Column("registered_ref", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("last_delivery_at", UtcInstant(), nullable=True),
        sa.Column("last_refused_at", UtcInstant(), nullable=True),
        sa.Column("last_refused_cause", sa.Text(), nullable=False),
        sa.Column("usual_gap_seconds", sa.Integer(), nullable=True),
        sa.Column("silent_since", UtcInstant(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("disabled_at", UtcInstant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["config_id"],
            ["platform_configs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("config_id"),
        sa.UniqueConstraint("hook_id"),
    )
    op.create_table(
        "application_refs",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sqlmodel.AutoString(), nullable=False),
        sa.Column("ref", sqlmodel.AutoString(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("company_id", "scope", "ref"),
    )
    op.create_index("ix_application_refs_application", "application_refs", ["application_id"], unique=False)

    op.create_table(
        "application_stages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("told_by", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "stage IN ('applied', 'reviewed', 'interviewed', 'offered', 'hired', 'rejected', 'withdrawn')",
            name="application_stages_stage",
        ),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("application_id", "stage", "ref", name="application_stages_ref"),
    )
    op.create_table(
        "platform_outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("application_id", sa.Uuid(), nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("external_ref", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcInstant(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", UtcInstant(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("sent_at", UtcInstant(), nullable=True),
        sa.Column("finished_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("kind IN ('publish', 'update', 'close', 'outcome')", name="platform_outbox_kind"),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'unknown', 'done', 'refused', 'dead', 'withdrawn')",
            name="platform_outbox_state",
        ),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["config_id"],
            ["platform_configs.id"],
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["job_postings.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("config_id", "idempotency_key", name="platform_outbox_key"),
    )
    op.create_index("ix_platform_outbox_company", "platform_outbox", ["company_id", "created_at"], unique=False)
    op.create_index("ix_platform_outbox_due", "platform_outbox", ["state", "next_attempt_at"], unique=False)
    op.create_index("ix_platform_outbox_posting", "platform_outbox", ["posting_id"], unique=False)

    op.create_table(
        "application_touches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("referral_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind IN ('declared', 'link', 'utm', 'referral')", name="application_touches_kind"),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["tracking_links.id"],
        ),
        sa.ForeignKeyConstraint(
            ["referral_id"],
            ["referrals.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("application_id", "kind", "ref", name="application_touches_ref"),
    )
    op.create_index("ix_application_touches_company", "application_touches", ["company_id", "at"], unique=False)

    op.create_table(
        "link_clicks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("referral_id", sa.Uuid(), nullable=True),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("referrer_host", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("filtered_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["tracking_links.id"],
        ),
        sa.ForeignKeyConstraint(
            ["referral_id"],
            ["referrals.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_link_clicks_at", "link_clicks", ["company_id", "at"], unique=False)
    op.create_index("ix_link_clicks_link", "link_clicks", ["link_id", "at"], unique=False)


def _add_columns() -> None:
    op.add_column("external_postings", sa.Column("kind", sa.Text(), server_default="posting", nullable=False))
    op.add_column("external_postings", sa.Column("links", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("external_postings", sa.Column("campaign", sa.Text(), server_default="", nullable=False))
    op.add_column("external_postings", sa.Column("posted_at", UtcInstant(), nullable=True))
    op.add_column("external_postings", sa.Column("status", sa.Text(), server_default="", nullable=False))
    op.add_column("external_postings", sa.Column("status_detail", sa.Text(), server_default="", nullable=False))
    op.add_column("external_postings", sa.Column("status_at", UtcInstant(), nullable=True))
    op.add_column("external_postings", sa.Column("handles", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("job_postings", sa.Column("advert", sa.JSON(), server_default="{}", nullable=False))

    op.add_column("platform_tokens", sa.Column("refresh_ends_at", UtcInstant(), nullable=True))
    op.add_column("platform_tokens", sa.Column("scopes", sa.Text(), server_default="", nullable=False))

    op.add_column("webhook_inbox", sa.Column("kind", sa.Text(), server_default="", nullable=False))
    op.add_column("webhook_inbox", sa.Column("detail", sa.Text(), server_default="", nullable=False))
    op.add_column("projections", sa.Column("time_zone", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE projections SET time_zone = "
        "(SELECT time_zone FROM companies WHERE companies.number = projections.company_no)"
    )
    # With the posting in it, the dashboard finds first applications without looking at the rows.
    op.drop_index("ix_applications_applied", "applications")
    op.create_index("ix_applications_applied", "applications", ["company_id", "applied_at", "posting_id"], unique=False)

    op.create_index("ix_applications_updated", "applications", ["company_id", "updated_at"], unique=False)

    # Both need a table made anew on SQLite; nothing refers to either.
    with op.batch_alter_table("website_analytics") as table:
        table.add_column(sa.Column("link_id", sa.Uuid(), nullable=True))
        table.create_foreign_key("website_analytics_link", "tracking_links", ["link_id"], ["id"])
        table.add_column(sa.Column("referral_id", sa.Uuid(), nullable=True))
        table.create_foreign_key("website_analytics_referral", "referrals", ["referral_id"], ["id"])
        table.add_column(sa.Column("application_ref", sa.Text(), server_default="", nullable=False))
        table.add_column(sa.Column("told_at", UtcInstant(), nullable=True))
    untold = sa.text("application_ref <> '' AND told_at IS NULL")
    op.create_index(
        "ix_website_analytics_untold", "website_analytics", ["at"], sqlite_where=untold, postgresql_where=untold
    )
    with op.batch_alter_table("posting_link_rules") as table:
        table.drop_constraint("link_rules_field", type_="check")
        table.create_check_constraint("link_rules_field", _LINK_FIELDS)


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")
