"""The words of invitations: a company's own, tried on before they are kept."""

from datetime import UTC, datetime

import streamlit as st

from actions import mailroom
from actions.invitations import REPLIES, sample_letter
from actions.running import running_store
from actions.viewer import NotAllowed
from domain.letters import (
    INVITATION,
    LONGEST_BODY,
    LONGEST_SUBJECT,
    PLACEHOLDERS,
    Template,
    clean_line,
    clean_lines,
    problems_of,
)
from store.reports.invitations import Words, find_words
from ui import data, own_address, toasts, words
from ui.shell import View

_SUBJECT, _BODY, _REPLIES = "invitation_subject", "invitation_body", "invitation_replies"


def draw(view: View) -> None:
    """The editor beside what comes of it."""
    with data.session() as session:
        found = find_words(session, view.company, REPLIES)
    with st.expander("Words of the invitation", icon=":material/edit_note:", key="invitation_words"):
        left, right = st.columns(2, gap="large")
        with left:
            template = _editor(view, found)
        with right:
            _preview(view, template)
        _replies(view, found)


def _editor(view: View, found: Words) -> Template:
    """The fields, and what is wrong with them."""
    held = found.template
    subject = st.text_input("Subject", held.subject, key=_SUBJECT, max_chars=LONGEST_SUBJECT)
    body = st.text_area("Message", held.body, key=_BODY, height=340, max_chars=LONGEST_BODY)
    template = Template(clean_line(subject, LONGEST_SUBJECT), clean_lines(body, LONGEST_BODY))
    problems = problems_of(template)
    for field, said in problems.items():
        st.error(f"**{field.capitalize()}:** {words.plain(said)}", icon=":material/error:")
    with st.popover("What can stand in braces", icon=":material/data_object:", width="content"):
        for name, meaning in PLACEHOLDERS.items():
            st.markdown(f"`{{{name}}}` {meaning}")
    is_same = template == held
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Keep these words",
            key="invitation_save",
            type="primary",
            disabled=bool(problems) or is_same,
            on_click=_save,
            args=(view, template),
        )
        if found.is_own:
            st.button("Back to the standard words", key="invitation_reset", on_click=_reset, args=(view,))
    return template


def _preview(view: View, template: Template) -> None:
    """The message as somebody will see it, with made-up values."""
    referrer = view.viewer.name or view.viewer.email
    letter = sample_letter(template, view.company.name, referrer, own_address.base())
    st.caption("As they will see it")
    with st.container(border=True, key="invitation_preview"):
        st.text(letter.subject)
        # Of our own making: every value in it is escaped. On white, as mail programs show it.
        st.html(
            '<div style="background:#ffffff;color:#1d2530;padding:16px 18px;border-radius:8px;line-height:1.55">'
            f"{letter.inner_html}</div>"
        )
    with st.expander("As plain text", key="invitation_text"):
        st.code(letter.text, language=None, wrap_lines=True)


def _replies(view: View, found: Words) -> None:
    st.toggle(
        "Answers go to who recommends",
        found.goes_to_referrer,
        key=_REPLIES,
        help="Candidates then see the e-mail address of the colleague who recommends them. Otherwise answers go to the "
        "sender of all mails.",
        on_change=_set_replies,
        args=(view,),
    )


def _save(view: View, template: Template) -> None:
    try:
        problems = mailroom.save_template(running_store(), view.viewer, template, now=datetime.now(UTC))
    except NotAllowed as error:
        toasts.later(words.plain(str(error)), ":material/lock:")
        return
    said = next(iter(problems.values()), "Kept. Invitations use these words from now on.")
    toasts.later(words.plain(said), ":material/edit_note:")


def _reset(view: View) -> None:
    mailroom.drop_template(running_store(), view.viewer, now=datetime.now(UTC))
    st.session_state[_SUBJECT], st.session_state[_BODY] = INVITATION.subject, INVITATION.body
    toasts.later("Invitations use the standard words again.", ":material/edit_note:")


def _set_replies(view: View) -> None:
    is_on = bool(st.session_state[_REPLIES])
    mailroom.let_answer_referrers(running_store(), view.viewer, is_on=is_on, now=datetime.now(UTC))
    toasts.later("Answers go to who recommends." if is_on else "Answers go to the sender.", ":material/reply:")
