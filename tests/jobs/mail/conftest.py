"""A company that invites people, and a mail server that keeps what it is given."""

from collections.abc import Iterator

import pytest

from actions.viewer import Viewer
from settings import Settings
from store.opening import Store
from store.tables import Company
from tests.jobs.invited import Programme, mail_settings
from tests.jobs.postbox import Postbox, mail_server


@pytest.fixture
def box() -> Postbox:
    """What the mail server took, and its mood."""
    return Postbox()


@pytest.fixture
def port(box: Postbox) -> Iterator[int]:
    """Where the mail server listens."""
    with mail_server(box) as found:
        yield found


@pytest.fixture
def settings(port: int) -> Settings:
    """Settings that send by it."""
    return mail_settings(port)


@pytest.fixture
def programme(store: Store, company: Company) -> Programme:
    """The company's referral programme."""
    return Programme(store, company)


@pytest.fixture
def admin(programme: Programme) -> Viewer:
    """The programme's referrer, as an admin."""
    who = programme.referrer
    return Viewer(who.id, who.company_id, "admin", who.name, who.email)
