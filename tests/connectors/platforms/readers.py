"""What the tests know of LinkedIn's numbers of postings."""

from collections.abc import Mapping
from datetime import date

from connectors.contract import PostingSeen
from sandbox.linkedin_story import job_id
from sandbox.postings import build_postings

#: A posting's number at LinkedIn follows from its requisition, whatever the day.
REQUISITIONS = {job_id(posting): posting.requisition for posting in build_postings(7, date(2026, 1, 1))}


def requisition_of_job(seen: PostingSeen, _paths: Mapping[str, str]) -> str:
    """Our requisition of a posting on LinkedIn."""
    assert seen.url == f"https://www.linkedin.com/jobs/view/{seen.ref}/"
    return REQUISITIONS[seen.ref]
