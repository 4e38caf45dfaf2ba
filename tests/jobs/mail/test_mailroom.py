"""What people decide about messages: again, taken back, arrived; and who may."""

from datetime import timedelta

import pytest

from actions.mailroom import confirm_arrived, invite_again, send_again, take_back
from actions.viewer import NotAllowed, NotFound, Viewer
from settings import Settings
from store.tables import Company
from store.tables.columns import new_id
from tests.jobs.invited import NOW, Programme, send_all
from tests.jobs.postbox import Postbox


@pytest.fixture
def database_kind() -> str:
    """Decisions are tried on both databases in test_outbox.py."""
    return "sqlite"


def test_only_admins_of_the_company_decide(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    box.mood = "drop"
    invited = programme.invite(settings)
    send_all(programme.store, settings)
    manager = Viewer(new_id(), admin.company_id, "hiring_manager", "Mo", "mo@harbour.example")
    outsider = Viewer(new_id(), new_id(), "admin", "Otto", "otto@other.example")
    for decide in (confirm_arrived, send_again, take_back):
        with pytest.raises(NotAllowed):
            decide(programme.store, manager, invited.mail_id, now=NOW)
    # The audit log knows only companies that are there: an outsider's is, too.
    with programme.store.writing() as session:
        session.add(Company(id=outsider.company_id, number=2, name="Other"))
    for decide in (confirm_arrived, send_again, take_back):
        with pytest.raises(NotFound):
            decide(programme.store, outsider, invited.mail_id, now=NOW)
    assert programme.mail(invited).state == "unknown"


def test_an_invitation_can_be_repeated_but_not_without_end(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    referral, now = programme.referral(), NOW
    programme.invite(settings, referral)
    with pytest.raises(ValueError, match="on its way already"):
        invite_again(programme.store, admin, referral.id, now=now, settings=settings)
    send_all(programme.store, settings)
    with pytest.raises(ValueError, match="less than a day ago"):
        invite_again(programme.store, admin, referral.id, now=now, settings=settings)
    for _ in range(2):
        now += timedelta(days=1)
        assert invite_again(programme.store, admin, referral.id, now=now, settings=settings).mail_id
        assert send_all(programme.store, settings, now) == ["sent"]
    with pytest.raises(ValueError, match="3 times already"):
        invite_again(programme.store, admin, referral.id, now=now + timedelta(days=1), settings=settings)
    assert len(box.taken) == 3


def test_invitations_that_never_left_do_not_count_against_who_is_invited(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    referral = programme.referral()
    box.mood = "spam"
    programme.invite(settings, referral)
    for _ in range(9):
        assert send_all(programme.store, settings) == ["refused"]
        assert invite_again(programme.store, admin, referral.id, now=NOW, settings=settings).mail_id
    assert send_all(programme.store, settings) == ["refused"]
    with pytest.raises(ValueError, match="failed too often"):
        invite_again(programme.store, admin, referral.id, now=NOW, settings=settings)
    assert box.taken == []


def test_what_is_unknown_is_decided_before_anybody_is_invited_again(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    referral = programme.referral()
    box.mood = "drop"
    programme.invite(settings, referral)
    send_all(programme.store, settings)
    with pytest.raises(ValueError, match="Nobody knows yet"):
        invite_again(programme.store, admin, referral.id, now=NOW + timedelta(days=2), settings=settings)


def test_colleagues_cannot_repeat_an_invitation_of_somebody_else(
    programme: Programme, settings: Settings, admin: Viewer
) -> None:
    referral = programme.referral()
    colleague = Viewer(new_id(), admin.company_id, "hiring_manager", "Mo", "mo@harbour.example")
    with pytest.raises(NotFound):
        invite_again(programme.store, colleague, referral.id, now=NOW, settings=settings)
    referrer = Viewer(programme.referrer.id, admin.company_id, "hiring_manager", "Ada", "ada@harbour.example")
    assert invite_again(programme.store, referrer, referral.id, now=NOW, settings=settings).mail_id


def test_a_message_taken_back_is_not_sent(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    invited = programme.invite(settings)
    take_back(programme.store, admin, invited.mail_id, now=NOW)
    assert send_all(programme.store, settings) == []
    with pytest.raises(ValueError, match="too late"):
        take_back(programme.store, admin, invited.mail_id, now=NOW)
    send_again(programme.store, admin, invited.mail_id, now=NOW)
    assert send_all(programme.store, settings) == ["sent"]
