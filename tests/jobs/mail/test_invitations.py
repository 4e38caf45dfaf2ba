"""What an invitation says as it arrives, and when there is none."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from sqlmodel import select

from actions.invitations import REPLIES
from actions.mailroom import save_template
from actions.viewer import NotAllowed, Viewer
from domain.letters import Template
from settings import Settings
from store.tables import Company, JobPosting, Mail, Referral
from store.tables.columns import new_id
from tests.jobs.invited import NOW, Programme, mail_settings, send_all
from tests.jobs.postbox import Postbox


@pytest.fixture
def database_kind() -> str:
    """What is said is the same on both databases; what the outbox does is tried on both in test_outbox.py."""
    return "sqlite"


def parts(message: EmailMessage) -> tuple[str, str]:
    """The text and the HTML."""
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content()


def test_an_invitation_arrives_as_text_and_html_with_a_link_and_two_ways_out(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    referral = programme.referral(name="Zoë Lind", note="You would love it.\nCall me!")
    invited = programme.invite(settings, referral)
    assert invited.words == "The invitation is on its way."
    assert send_all(programme.store, settings) == ["sent"]
    ((recipients, message),) = box.taken
    assert recipients == ["sam@mail.example"]
    assert message["From"] == "Harbour Jobs <jobs@harbour.example>"
    assert message["To"] == "sam@mail.example"
    assert message["Subject"] == "Ada Lovelace thought of you: Staff nurse at Harbour Works"
    assert message["Reply-To"] is None
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Message-ID"] == f"<{invited.mail_id.hex}@hiring.example>"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text, html = parts(message)
    assert "Hello Zoë Lind," in text
    assert "> You would love it.\n> Call me!" in text
    link = f"https://hiring.example/r/{referral.code}"
    stop = message["List-Unsubscribe"].strip("<>")
    for way in (link, stop, "https://hiring.example/r/not-me/"):
        assert way in text
        assert f'href="{way}' in html
    assert stop.startswith("https://hiring.example/r/stop/")
    assert "://" not in html.replace("https://hiring.example/", ""), "nothing from elsewhere"
    assert "<img" not in html
    assert box.raw[0].isascii(), "some servers on the way take seven bits"
    assert f"\r\nList-Unsubscribe: <{stop}>\r\n".encode() in box.raw[0], "as it stands: programs take it literally"


def test_what_people_typed_stays_text_and_adds_no_header(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    evil = "Eve\r\nBcc: all@evil.example\u202e <script>alert(1)</script> {link} \U0001f469\u200d\U0001f52c"
    referral = programme.referral(
        name=evil, note='<a href="https://evil.example">x</a>\r\n.\r\nMAIL FROM:<x@y.example>'
    )
    with programme.store.writing() as session:
        row = session.get_one(Referral, referral.id)
        row.referrer_name = "Ada\r\nX-Evil: 1"
        posting = session.get_one(JobPosting, programme.posting.id)
        posting.title = "Nurse\nReply-To: evil@evil.example"
        session.add_all([row, posting])
    programme.invite(settings, referral)
    assert send_all(programme.store, settings) == ["sent"]
    ((recipients, message),) = box.taken
    assert recipients == ["sam@mail.example"]
    assert {"Bcc", "X-Evil", "Reply-To"}.isdisjoint(message.keys())
    assert message["Subject"] == "Ada X-Evil: 1 thought of you: Nurse Reply-To: evil@evil.example at Harbour Works"
    text, html = parts(message)
    assert "<script" not in html
    assert 'href="https://evil.example"' not in html
    assert "\u202e" not in text + html
    assert "\U0001f469\u200d\U0001f52c" in text
    assert "{link} \U0001f469" in text, "what people typed is not filled in again"
    assert "> .\n> MAIL FROM:<x@y.example>" in text


def test_the_library_itself_refuses_a_header_of_two_lines() -> None:
    message = EmailMessage(policy=SMTP)
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        message["Subject"] = "Hi\r\nBcc: x@evil.example"


def test_answers_go_to_the_referrer_only_where_the_company_allows_it(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    with programme.store.writing() as session:
        company = session.get_one(Company, programme.company.id)
        company.settings = {REPLIES: True}
        session.add(company)
    programme.invite(settings)
    send_all(programme.store, settings)
    assert box.taken[0][1]["Reply-To"] == "ada@harbour.example"


def test_inviting_again_by_mistake_makes_no_second_message(
    programme: Programme, settings: Settings, box: Postbox
) -> None:
    referral = programme.referral()
    first, second = programme.invite(settings, referral), programme.invite(settings, referral)
    assert first.mail_id == second.mail_id
    send_all(programme.store, settings)
    programme.invite(settings, referral)
    assert send_all(programme.store, settings) == []
    assert len(box.taken) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"smtp_url": ""}, "no_server"), ({"public_url": ""}, "no_address_of_ours")],
)
def test_without_a_server_or_an_address_of_ours_nothing_waits_and_the_words_say_so(
    programme: Programme, change: dict[str, str], reason: str
) -> None:
    invited = programme.invite(mail_settings(9, **change))
    assert (invited.mail_id, invited.reason) == (None, reason)
    assert "Copy the link" in invited.words
    with programme.store.reading() as session:
        assert session.exec(select(Mail)).all() == []


def test_a_referral_that_is_over_invites_nobody(programme: Programme, settings: Settings) -> None:
    for field in ("withdrawn_at", "declined_at", "expires_at"):
        referral = programme.referral(f"{field}@mail.example", **{field: NOW})
        assert programme.invite(settings, referral).reason == "ended"
    with programme.store.writing() as session:
        posting = session.get_one(JobPosting, programme.posting.id)
        posting.status = "closed"
        session.add(posting)
    assert programme.invite(settings).reason == "closed"


def test_a_companys_own_words_are_used(programme: Programme, settings: Settings, box: Postbox, admin: Viewer) -> None:
    own = Template("{candidate}, join {company}", "Hi {candidate}!\n\n<b>{posting}</b>\n{location}\n\n{link}\n")
    assert save_template(programme.store, admin, own, now=NOW) == {}
    programme.invite(settings)
    send_all(programme.store, settings)
    message = box.taken[0][1]
    text, html = parts(message)
    assert message["Subject"] == "Sam Lind, join Harbour Works"
    assert text.startswith("Hi Sam Lind!\n\n<b>Staff nurse</b>\nUtrecht\n\nhttps://hiring.example/r/")
    assert "&lt;b&gt;<bdi>Staff nurse</bdi>&lt;/b&gt;" in html
    assert "No more messages" in text


def test_a_line_of_one_dot_ends_no_message(
    programme: Programme, settings: Settings, box: Postbox, admin: Viewer
) -> None:
    own = Template("Hi", "One\n.\n..two\nRSET\n\n{link}")
    assert save_template(programme.store, admin, own, now=NOW) == {}
    programme.invite(settings)
    assert send_all(programme.store, settings) == ["sent"]
    text, _ = parts(box.taken[0][1])
    assert text.startswith("One\n.\n..two\nRSET\n\nhttps://hiring.example/r/")
    assert "No more messages" in text


@pytest.mark.parametrize(
    ("subject", "body", "field", "words"),
    [
        ("Hello {name}", "{link}", "subject", "There is no {name}"),
        ("Hello {link}", "{link}", "subject", "{link} cannot stand here"),
        ("Hello", "{link} {salary}", "body", "There is no {salary}"),
        ("Hello", "Come!", "body", "needs {link}"),
        ("", "{link}", "subject", "Write something"),
        ("x" * 151, "{link}", "subject", "At most 150"),
        ("Hello", "{link}" + "x" * 5000, "body", "At most 5,000"),
    ],
)
def test_words_that_cannot_be_used_are_refused_with_the_reason(
    programme: Programme, admin: Viewer, subject: str, body: str, field: str, words: str
) -> None:
    problems = save_template(programme.store, admin, Template(subject, body), now=NOW)
    assert list(problems) == [field]
    assert words in problems[field]


def test_only_admins_write_the_companys_words(programme: Programme, admin: Viewer) -> None:
    manager = Viewer(new_id(), admin.company_id, "hiring_manager", "Mo", "mo@harbour.example")
    with pytest.raises(NotAllowed):
        save_template(programme.store, manager, Template("Hi", "{link}"), now=NOW)


def test_nobodys_name_stands_open_in_the_outbox(programme: Programme, settings: Settings) -> None:
    own = Template("{candidate}, {referrer} thinks of you", "{candidate}\n\n{link}")
    who = programme.referrer
    admin = Viewer(who.id, who.company_id, "admin", who.name, who.email)
    save_template(programme.store, admin, own, now=NOW)
    programme.invite(settings, programme.referral(name="Seraphine Lindqvist", note="a word to her"))
    with programme.store.reading() as session:
        written = session.exec(select(Mail)).one().model_dump_json()
    # Long words alone: three letters stand in a long ciphertext by chance once in sixty times.
    for secret in ("Seraphine", "Lindqvist", "sam@mail.example", "a word to her"):
        assert secret not in written
