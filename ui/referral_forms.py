"""Refer somebody by name, or get one's own link: two ways on one screen, made for a phone."""

import uuid
from datetime import UTC, datetime

import streamlit as st

from actions import referrals
from actions.referrals import Refused, Wanted
from actions.running import running_store
from actions.viewer import NotAllowed, NotFound
from domain.referrals import LONGEST_EMAIL, LONGEST_NAME, LONGEST_NOTE
from settings import current
from store.reports.posting_choices import list_choices
from store.reports.referral_lists import list_own_links
from ui import data, filters, own_address, posting_picker, qr, reward_rules, shell, words
from ui.shell import View

#: Which form is on screen, also in the address; and the posting, by its id, where a link to this page names one.
WAY, POSTING = "way", "posting"
BY_NAME, BY_LINK = "By name", "By my own link"
_CHOSEN, _MADE, _ALL = "refer_posting", "refer_made", "All open postings"
_OPEN = ("open",)
_TYPED = ("refer_name", "refer_email", "refer_note")


def draw(view: View) -> None:
    """The choice of way and its form, or why nobody can be referred."""
    with data.session() as session:
        is_open = list_choices(session, view.company, statuses=_OPEN, limit=0).total
    if not is_open:
        is_admin = view.viewer.is_admin
        shell.nothing_here(
            "**No posting is open just now**, so nobody can be referred."
            + (" Make one, or open one again." if is_admin else " Look again when there is one."),
            path="pages/Postings.py" if is_admin else "",
            action="Go to Postings",
            icon=":material/work_off:",
        )
        return
    way = st.segmented_control(
        "How", [BY_NAME, BY_LINK], default=BY_NAME, key=WAY, required=True, label_visibility="collapsed",
        bind="query-params",
    )  # fmt: skip
    if way == BY_LINK:
        _link(view)
    else:
        _by_name(view)


def link_card(code: str, *, key: str, title: str = "") -> None:
    """A referral's address to copy, and its QR code to show or keep."""
    address = f"{own_address.base()}/r/{code}"
    if title:
        st.markdown(f"**{words.plain(title)}**")
    st.code(address, language=None, wrap_lines=True)
    with st.expander("QR code", icon=":material/qr_code:"), st.container(gap="small"):
        st.image(qr.svg(address), width=180)
        st.download_button(
            "Download as PNG",
            qr.png(address),
            f"qr-referral-{code}.png",
            "image/png",
            key=f"qr_{key}",
            icon=":material/download:",
            on_click="ignore",
        )


def _by_name(view: View) -> None:
    made = st.session_state.pop(_MADE, None)
    if made is not None:
        for key in _TYPED:
            # Emptied, not taken away: the browser would bring it back, and a note to one person go to the next.
            st.session_state[key] = ""
        _thanks(*made)
    with st.container(width=560):
        named = posting_picker.offered(view, _CHOSEN, statuses=_OPEN, also=[filters.asked_posting_id()])
        _take_from_address(named)
        chosen = st.selectbox("Posting", list(named), index=None, key=_CHOSEN, placeholder="Choose a posting")
        if chosen is not None:
            reward_rules.offers(view, named[chosen], is_named=True)
        name = st.text_input("Their name", key="refer_name", max_chars=LONGEST_NAME, autocomplete="off")
        email = st.text_input(
            "Their e-mail address",
            key="refer_email",
            max_chars=LONGEST_EMAIL,
            autocomplete="off",
            icon=":material/mail:",
        )
        note = st.text_area(
            "A few words to them, if you like",
            key="refer_note",
            max_chars=LONGEST_NOTE,
            height=110,
            placeholder="Why this could be something for them",
        )
        can_mail = bool(current().smtp_url and current().public_url)
        by_mail = st.toggle(
            "Send them an invitation",
            value=can_mail,
            key="refer_by_mail",
            disabled=not can_mail,
            help="One e-mail with your name, the posting and a link. They can say that they want no more.",
        )
        if not can_mail:
            st.caption("Nothing is sent from here: no mail server is set up. You get a link to send yourself.")
        st.caption(
            "Only refer people who know that you do. We keep their name and address encrypted, for this opening only."
        )
        if st.button("Refer", key="refer", type="primary", icon=":material/send:", width="stretch"):
            _refer(view, named, (chosen, name, email, note), by_mail=by_mail)


def _take_from_address(named: dict[str, uuid.UUID]) -> None:
    """The posting that the address names, once."""
    given = st.query_params.pop(POSTING, "")
    found = next((name for name, posting_id in named.items() if str(posting_id) == given), None)
    if found is not None:
        st.session_state[_CHOSEN] = found


def _refer(view: View, named: dict[str, uuid.UUID], typed: tuple[str | None, str, str, str], *, by_mail: bool) -> None:
    chosen, name, email, note = typed
    if chosen is None:
        st.error("Choose the posting you think of.", icon=":material/error:")
        return
    try:
        wanted = Wanted(named[chosen], name, email, note, by_mail=by_mail)
        made = referrals.refer(running_store(), view.viewer, wanted, now=datetime.now(UTC))
    except (Refused, NotAllowed, NotFound) as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    invited = made.invited
    st.session_state[_MADE] = (name, made.code, invited.words if invited else "", bool(invited and invited.mail_id))
    st.rerun()


def _thanks(name: str, code: str, said: str, is_sent: bool) -> None:
    with st.container(border=True, key="referred", width=560):
        st.success(f"**Thank you for referring {words.plain(name)}.**", icon=":material/celebration:")
        if said:
            st.markdown(f"{':material/mail:' if is_sent else ':material/unsubscribe:'} {words.plain(said)}")
        st.markdown("Their own link, if you want to send it yourself:")
        link_card(code, key="referred")
        st.page_link("pages/My_referrals.py", label="See how your referrals stand", icon=":material/arrow_forward:")


def _link(view: View) -> None:
    with st.container(width=560):
        st.markdown(
            "Share a link of your own, without naming anybody: in a chat, a post, or on paper. Whoever applies by it"
            " was referred by you."
        )
        named = posting_picker.offered(view, "link_posting", statuses=_OPEN)
        chosen = st.selectbox("Leads to", [_ALL, *named], key="link_posting")
        reward_rules.offers(view, named.get(chosen or ""), is_named=False)
        try:
            shared = _shared(view, named.get(chosen or ""))
        except (Refused, NotAllowed, NotFound) as error:
            st.warning(words.plain(str(error)), icon=":material/link_off:")
            return
        if shared:
            link_card(shared, key="own", title="Your link")
            st.page_link("pages/My_referrals.py", label="See its clicks", icon=":material/arrow_forward:")


def _shared(view: View, posting_id: uuid.UUID | None) -> str:
    """The code of the viewer's link; made when they ask for it, "" before."""
    with data.session() as session:
        links = list_own_links(session, view.company, view.viewer.user_id)
    known = next((link.code for link in links if link.posting_id == posting_id and link.is_open), "")
    if known:
        return known
    if st.button("Get my link", key="get_link", type="primary", icon=":material/add_link:", width="stretch"):
        made = referrals.share_link(running_store(), view.viewer, posting_id, now=datetime.now(UTC))
        return made.code
    return ""
