"""All tables of the first version, and the triggers that let the audit log only grow."""

import sqlalchemy as sa
from alembic import op

from store.tables.columns import UtcInstant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "app_meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("address_prefix", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('ok', 'denied', 'failed')", name="audit_outcome"),
        sa.PrimaryKeyConstraint("seq"),
    )
    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.create_index("ix_audit_company", ["company_id", "at"], unique=False)

    op.create_table(
        "breakdowns",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("source_platform", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("config_no", "kind", "source", "medium", "campaign"),
    )
    op.create_table(
        "clock_slots",
        sa.Column("job_key", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("taken_at", UtcInstant(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_key", "slot"),
    )
    op.create_table(
        "companies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("number > 0"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "dirty_days",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "platform_analytics_aggregated",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("grain", sa.SmallInteger(), nullable=False),
        sa.Column("metric", sa.SmallInteger(), nullable=False),
        sa.Column("period_start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.SmallInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("percentage", sa.Integer(), nullable=True),
        sa.Column("covered_days", sa.SmallInteger(), nullable=False),
        sa.Column("provisional", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("grain BETWEEN 1 AND 3", name="aggregated_grain"),
        sa.PrimaryKeyConstraint("company_no", "grain", "metric", "period_start", "platform", "currency"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "platform_analytics_raw",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("metric", sa.SmallInteger(), nullable=False),
        sa.Column("scope", sa.SmallInteger(), nullable=False),
        sa.Column("external_posting", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("breakdown", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.SmallInteger(), nullable=False),
        sa.Column("hour", sa.SmallInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("provisional", sa.SmallInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("hour BETWEEN -1 AND 23", name="raw_hour"),
        sa.CheckConstraint("origin BETWEEN 1 AND 3", name="raw_origin"),
        sa.CheckConstraint("scope BETWEEN 1 AND 3", name="raw_scope"),
        sa.CheckConstraint("value BETWEEN -900000000000000 AND 900000000000000", name="raw_value"),
        sa.PrimaryKeyConstraint(
            "company_no",
            "config_no",
            "day",
            "metric",
            "scope",
            "external_posting",
            "breakdown",
            "origin",
            "hour",
            "currency",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "posting_analytics_aggregated",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.SmallInteger(), nullable=False),
        sa.Column("metric", sa.SmallInteger(), nullable=False),
        sa.Column("posting_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("provisional", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("company_no", "day", "platform", "metric", "posting_no", "currency"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("posting_analytics_aggregated", schema=None) as batch_op:
        batch_op.create_index("ix_posting_aggregated_posting", ["company_no", "posting_no", "day"], unique=False)

    op.create_table(
        "read_coverage",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("metric", sa.SmallInteger(), nullable=False),
        sa.Column("scope", sa.SmallInteger(), nullable=False),
        sa.Column("origin", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("provisional", sa.SmallInteger(), nullable=False),
        sa.Column("as_of", UtcInstant(), nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.CheckConstraint("state BETWEEN 1 AND 3", name="coverage_state"),
        sa.PrimaryKeyConstraint("company_no", "config_no", "day", "metric", "scope", "origin"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "setup_links",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.Column("used_at", UtcInstant(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email_hash", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.create_index("ix_sign_in_attempts_address", ["address_hash", "at"], unique=False)
        batch_op.create_index("ix_sign_in_attempts_pair", ["email_hash", "address_hash", "at"], unique=False)

    op.create_table(
        "worker_beats",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("beat_at", UtcInstant(), nullable=False),
        sa.Column("doing", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("worker"),
    )
    op.create_table(
        "data_versions",
        sa.Column("company_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("company_no"),
    )
    op.create_table(
        "import_mappings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("header_hash", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "kind", "header_hash"),
    )
    op.create_table(
        "job_postings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("requisition_ref", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("recruiter", sa.Text(), nullable=False),
        sa.Column("hiring_manager", sa.Text(), nullable=False),
        sa.Column("apply_url", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("target_hires", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'closed', 'archived')", name="job_postings_status"),
        sa.CheckConstraint(
            "closed_on IS NULL OR opened_on IS NULL OR closed_on >= opened_on", name="job_postings_dates"
        ),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "number"),
    )
    with op.batch_alter_table("job_postings", schema=None) as batch_op:
        batch_op.create_index("ix_job_postings_requisition", ["company_id", "requisition_ref"], unique=False)
        batch_op.create_index("ix_job_postings_status", ["company_id", "status"], unique=False)

    op.create_table(
        "platform_configs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("rate_limit", sa.Integer(), nullable=True),
        sa.Column("spend_limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("account_ref", sa.Text(), nullable=False),
        sa.Column("account_label", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("quality", sa.JSON(), nullable=False),
        sa.Column("counted_origins", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.Column("checked_at", UtcInstant(), nullable=True),
        sa.Column("synced_at", UtcInstant(), nullable=True),
        sa.Column("deleted_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("rate_limit IS NULL OR rate_limit > 0", name="platform_configs_rate"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    with op.batch_alter_table("platform_configs", schema=None) as batch_op:
        batch_op.create_index("ix_platform_configs_company", ["company_id", "platform"], unique=False)
        batch_op.create_index(
            "ux_platform_configs_internal",
            ["company_id", "platform"],
            unique=True,
            sqlite_where=sa.text("connector = '' AND deleted_at IS NULL"),
            postgresql_where=sa.text("connector = '' AND deleted_at IS NULL"),
        )

    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("signed_in_at", UtcInstant(), nullable=True),
        sa.Column("password_changed_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'hiring_manager')", name="users_role"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index("ix_users_company", ["company_id"], unique=False)

    op.create_table(
        "annotations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
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
    with op.batch_alter_table("annotations", schema=None) as batch_op:
        batch_op.create_index("ix_annotations_company", ["company_id", "day"], unique=False)

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=True),
        sa.Column("used_at", UtcInstant(), nullable=True),
        sa.Column("revoked_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("kind IN ('token', 'key')", name="api_keys_kind"),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index("ix_api_keys_company", ["company_id"], unique=False)

    op.create_table(
        "external_postings",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=False),
        sa.Column("external_ref", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("requisition_ref", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("linked_by", sa.Text(), nullable=False),
        sa.Column("linked_at", UtcInstant(), nullable=True),
        sa.Column("is_ignored", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("linked_by IN ('', 'rule', 'hand')", name="external_postings_linked_by"),
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
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("config_id", "external_ref"),
    )
    with op.batch_alter_table("external_postings", schema=None) as batch_op:
        batch_op.create_index("ix_external_postings_company", ["company_id", "posting_id"], unique=False)

    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_hash", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("inserted", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("rejections", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("undone_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("kind IN ('metrics', 'applications')", name="imports_kind"),
        sa.CheckConstraint("state IN ('running', 'imported', 'undone', 'failed')", name="imports_state"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("imports", schema=None) as batch_op:
        batch_op.create_index("ix_imports_company", ["company_id", "created_at"], unique=False)

    op.create_table(
        "platform_sync_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=False),
        sa.Column("sync_type", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("window_start", sa.Date(), nullable=False),
        sa.Column("window_end", sa.Date(), nullable=False),
        sa.Column("cursor", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcInstant(), nullable=True),
        sa.Column("paused_until", UtcInstant(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("lease_until", UtcInstant(), nullable=True),
        sa.Column("heartbeat_at", UtcInstant(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("facts", sa.BigInteger(), nullable=False),
        sa.Column("inserted", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("rejections", sa.JSON(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("waits", sa.Integer(), nullable=False),
        sa.Column("waited_seconds", sa.Float(), nullable=False),
        sa.Column("spent_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("started_at", UtcInstant(), nullable=True),
        sa.Column("finished_at", UtcInstant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'paused', 'completed', 'partial', 'failed')", name="sync_jobs_state"
        ),
        sa.CheckConstraint("sync_type IN ('incremental', 'full', 'backfill')", name="sync_jobs_type"),
        sa.CheckConstraint("window_end > window_start", name="sync_jobs_window"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["config_id"],
            ["platform_configs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("config_id", "slot", name="sync_jobs_slot"),
        sa.UniqueConstraint("number", name="sync_jobs_number"),
    )
    with op.batch_alter_table("platform_sync_jobs", schema=None) as batch_op:
        batch_op.create_index("ix_sync_jobs_company", ["company_id", "created_at"], unique=False)
        batch_op.create_index("ix_sync_jobs_due", ["state", "next_attempt_at"], unique=False)
        batch_op.create_index(
            "ux_sync_jobs_active",
            ["config_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('pending', 'running', 'paused')"),
            postgresql_where=sa.text("state IN ('pending', 'running', 'paused')"),
        )

    op.create_table(
        "platform_tokens",
        sa.Column("config_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("held_until", UtcInstant(), nullable=True),
        sa.Column("refused_cause", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["config_id"], ["platform_configs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("config_id"),
    )
    op.create_table(
        "posting_link_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("field IN ('requisition_ref', 'title', 'path', 'external_ref')", name="link_rules_field"),
        sa.CheckConstraint("match IN ('equals', 'starts_with', 'contains')", name="link_rules_match"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["job_postings.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("seen_at", UtcInstant(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.Column("ended_at", UtcInstant(), nullable=True),
        sa.Column("address_prefix", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index("ix_sessions_expires", ["expires_at"], unique=False)
        batch_op.create_index("ix_sessions_user", ["user_id"], unique=False)

    op.create_table(
        "sign_in_tickets",
        sa.Column("ticket_hash", sa.String(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", UtcInstant(), nullable=False),
        sa.Column("used_at", UtcInstant(), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["companies.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("ticket_hash"),
    )
    op.create_table(
        "tracking_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("target_url", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("disabled_at", UtcInstant(), nullable=True),
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
        sa.UniqueConstraint("slug"),
    )
    with op.batch_alter_table("tracking_links", schema=None) as batch_op:
        batch_op.create_index("ix_tracking_links_company", ["company_id"], unique=False)

    op.create_table(
        "webhook_deliveries",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_ref", sa.String(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("repeats", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["config_id"],
            ["platform_configs.id"],
        ),
        sa.PrimaryKeyConstraint("company_id", "config_id", "delivery_ref"),
    )
    op.create_table(
        "webhook_inbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_ref", sa.Text(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("applied_at", UtcInstant(), nullable=True),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'applied', 'unknown', 'dead')", name="webhook_inbox_state"),
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
    with op.batch_alter_table("webhook_inbox", schema=None) as batch_op:
        batch_op.create_index("ix_webhook_inbox_state", ["state", "received_at"], unique=False)

    op.create_table(
        "website_analytics",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("medium", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("referrer_host", sa.Text(), nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("filtered_reason", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('view', 'apply_start', 'apply_complete')", name="website_analytics_kind"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["job_postings.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("website_analytics", schema=None) as batch_op:
        batch_op.create_index("ix_website_analytics_at", ["company_id", "at"], unique=False)

    op.create_table(
        "applications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("external_ref", sa.Text(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("posting_ref", sa.Text(), nullable=False),
        sa.Column("posting_title", sa.Text(), nullable=False),
        sa.Column("candidate_name", sa.Text(), nullable=False),
        sa.Column("candidate_email", sa.Text(), nullable=False),
        sa.Column("email_index", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_platform", sa.Text(), nullable=False),
        sa.Column("told_by", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("applied_at", UtcInstant(), nullable=False),
        sa.Column("reviewed_at", UtcInstant(), nullable=True),
        sa.Column("interviewed_at", UtcInstant(), nullable=True),
        sa.Column("offered_at", UtcInstant(), nullable=True),
        sa.Column("hired_at", UtcInstant(), nullable=True),
        sa.Column("rejected_at", UtcInstant(), nullable=True),
        sa.Column("withdrawn_at", UtcInstant(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.CheckConstraint(
            "stage IN ('applied', 'reviewed', 'interviewed', 'offered', 'hired', 'rejected', 'withdrawn')",
            name="applications_stage",
        ),
        sa.CheckConstraint("told_by IN ('file', 'webhook', 'tracker', 'link', 'api')", name="applications_told_by"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["imports.id"],
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["job_postings.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company_id", "external_ref", name="applications_ref"),
    )
    with op.batch_alter_table("applications", schema=None) as batch_op:
        batch_op.create_index("ix_applications_applied", ["company_id", "applied_at"], unique=False)
        batch_op.create_index("ix_applications_email", ["company_id", "email_index"], unique=False)
        batch_op.create_index("ix_applications_hired", ["company_id", "hired_at"], unique=False)
        batch_op.create_index("ix_applications_import", ["import_id"], unique=False)
        batch_op.create_index("ix_applications_posting", ["posting_id", "applied_at"], unique=False)

    op.create_table(
        "error_logs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("config_id", sa.Uuid(), nullable=True),
        sa.Column("sync_job_id", sa.Uuid(), nullable=True),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause_code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("resolved_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("severity IN ('low', 'medium', 'critical')", name="error_logs_severity"),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["config_id"],
            ["platform_configs.id"],
        ),
        sa.ForeignKeyConstraint(
            ["sync_job_id"],
            ["platform_sync_jobs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("error_logs", schema=None) as batch_op:
        batch_op.create_index("ix_error_logs_company", ["company_id", "at"], unique=False)

    op.create_table(
        "import_changes",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("row_key", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "seq"),
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("referrer_id", sa.Uuid(), nullable=True),
        sa.Column("referrer_name", sa.Text(), nullable=False),
        sa.Column("candidate_name", sa.Text(), nullable=False),
        sa.Column("candidate_email", sa.Text(), nullable=False),
        sa.Column("email_index", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=True),
        sa.Column("sent_at", UtcInstant(), nullable=False),
        sa.Column("converted_at", UtcInstant(), nullable=True),
        sa.Column("reward_status", sa.Text(), nullable=False),
        sa.Column("reward_minor", sa.BigInteger(), nullable=False),
        sa.Column("reward_currency", sa.Text(), nullable=False),
        sa.CheckConstraint("reward_status IN ('none', 'pending', 'approved', 'paid')", name="referrals_reward"),
        sa.CheckConstraint(
            "status IN ('pending', 'applied', 'interviewed', 'hired', 'rejected')", name="referrals_status"
        ),
        sa.CheckConstraint("reward_minor >= 0", name="referrals_amount"),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["applications.id"],
        ),
        sa.ForeignKeyConstraint(
            ["company_id"],
            ["companies.id"],
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["job_postings.id"],
        ),
        sa.ForeignKeyConstraint(
            ["referrer_id"],
            ["users.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    with op.batch_alter_table("referrals", schema=None) as batch_op:
        batch_op.create_index("ix_referrals_company", ["company_id", "sent_at"], unique=False)

    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def _guard_on_sqlite() -> None:
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_log_no_{action.lower()} BEFORE {action} ON audit_log "
            "BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END"
        )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_grows()"
    )


def downgrade() -> None:
    """There is no way back: restore the backup that was made before the migration."""
    raise NotImplementedError("restore the backup instead")
