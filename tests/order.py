"""Which files of the suite take long: they start first, so that no process is left alone with one at the end."""

#: Seconds each takes on a quiet machine, roughly; a file that is not here takes less than any of these.
SECONDS = {
    "tests/journey/test_truth.py": 80,
    "tests/connectors/test_conformance_reading.py": 90,
    "tests/api/test_schema.py": 90,
    "tests/connectors/test_conformance_faults.py": 70,
    "tests/manage/test_commands.py": 15,
    "tests/store/test_aggregates.py": 60,
    "tests/store/test_migrate.py": 50,
    "tests/ui/test_platforms.py": 60,
    "tests/ui/test_dashboard.py": 50,
    "tests/web/test_starting.py": 35,
    "tests/jobs/test_kill.py": 20,
    "tests/jobs/test_clock.py": 30,
    "tests/connectors/test_conformance.py": 35,
    "tests/store/writes/test_applications_told.py": 30,
    "tests/jobs/test_outbox_kill.py": 15,
    "tests/api/test_webhooks_killed.py": 30,
    "tests/web/test_tracker_browser.py": 20,
    "tests/store/writes/test_facts.py": 30,
    "tests/store/test_opening.py": 25,
    "tests/jobs/test_fault_states.py": 15,
    "tests/ui/test_publishing.py": 25,
    "tests/api/test_agreement.py": 25,
    "tests/api/test_export.py": 25,
    "tests/web/test_referral_journey.py": 45,
    "tests/ui/test_referrals.py": 30,
    "tests/ui/test_screens.py": 20,
    "tests/web/test_entrance.py": 30,
    "tests/actions/test_connections.py": 15,
    "tests/jobs/test_track.py": 20,
    "tests/jobs/test_outbox.py": 15,
    "tests/actions/test_imports.py": 20,
    "tests/sandbox/test_ga4.py": 15,
    "tests/store/reports/test_query.py": 20,
}


def begins(path: str) -> int:
    """The key to sort files by: the one that takes longest is the smallest."""
    return -SECONDS.get(path, 0)
