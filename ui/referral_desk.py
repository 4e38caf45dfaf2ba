"""The referral desk: its parts, and its first one, all referrals narrowed and page by page."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from actions.running import running_store
from actions.viewer import require_admin
from domain.periods import local_day, named_period
from domain.referrals import is_code, plain_address, plain_code
from store.reports.applicants import opener
from store.reports.referral_lists import (
    MOST_COUNTED,
    ReferralLine,
    WantedReferrals,
    count_lines,
    list_lines,
    list_referrers,
    persons_of,
)
from ui import (
    data,
    export,
    filters,
    posting_picker,
    referral_deeds,
    referral_mail,
    referral_rewards,
    referral_statistics,
    referral_words,
    reward_rules,
    shell,
    tables,
    words,
)
from ui.shell import View
from ui.tables import Column, Table

#: Which part is on screen, also in the address.
PART = "part"
PAGE = 50
#: Referrals of a file that are read together.
_AT_ONCE = 500
_INVITATIONS = "Invitations"
_ALL_TIME = "All time"
_PERIODS = {"30 days": "30d", "90 days": "90d", "1 year": "1y"}
_PLACES, _ASKED = "desk_places", "desk_asked"


def draw(view: View) -> None:
    """The choice of part, and the part."""
    name = st.segmented_control(
        "Part", list(PARTS), default="Referrals", key=PART, required=True, label_visibility="collapsed",
        bind="query-params",
    )  # fmt: skip
    if name != _INVITATIONS:
        referral_mail.remind(view, _to_invitations)
    PARTS[name or "Referrals"](view)


def _to_invitations() -> None:
    st.session_state[PART] = _INVITATIONS


def referrals(view: View) -> None:
    """The list, narrowed as chosen, and the referral that is chosen in it."""
    wanted, is_narrowed = _narrowing(view)
    if wanted is None:
        return
    places = _places(wanted)
    seen = opener(running_store().vault, "referrals", personal=False)
    with data.session() as session:
        page = list_lines(
            session, view.company, wanted, seen, now=view.now, after=places[-1] if places else None, limit=PAGE + 1
        )
        total = count_lines(session, view.company, wanted, now=view.now)
    if not page:
        _nothing(is_narrowed=is_narrowed)
        referral_deeds.window(view)
        return
    lines = page[:PAGE]
    table = referrals_table(lines)
    _above(lines, total)
    chosen = tables.choose(
        table, key=f"referrals_{len(places)}", alt="Referrals, newest first", zone=view.company.time_zone
    )
    _below(view, table, lines, (wanted, total if len(page) > PAGE or places else 0))
    if chosen is not None:
        referral_deeds.one(view, lines[chosen])
    referral_deeds.window(view)


def referrals_table(lines: list[ReferralLine]) -> Table:
    """Referrals as table and file; candidates are masked."""
    columns = (
        Column("Candidate", help="Masked: choose a row to see a name in full."),
        Column("Posting", width="medium"),
        Column("Referrer"),
        Column("State"),
        Column("Sent", "instant"),
        Column("Applied", "instant"),
        Column("Last change", "instant"),
        Column("Expires", "instant"),
        Column("Visits", "count", "Visits by people to the referral's link."),
        Column("Reward", help="What it earns in all, and how that stands."),
        Column("E-mail"),
        Column("Code"),
    )
    return Table(columns, tuple(_row(line) for line in lines))


def _row(line: ReferralLine) -> tuple[tables.Cell, ...]:
    return (
        line.candidate_name or ("By a link" if line.by_link else None),
        line.posting_title or None,
        line.referrer_name or None,
        referral_words.STANDINGS[line.state].label,
        line.sent_at,
        line.converted_at,
        line.status_at,
        line.expires_at,
        line.clicks,
        referral_words.reward_of(line) or None,
        line.candidate_email or None,
        line.code,
    )


def _narrowing(view: View) -> tuple[WantedReferrals | None, bool]:
    """What is wanted, None for an address that is none; and whether anything is narrowed at all."""
    with data.session() as session:
        people = {_named(name, key): key for key, name in list_referrers(session, view.company)}
    states = {standing.label: key for key, standing in referral_words.STANDINGS.items()}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        state = st.selectbox("State", list(states), index=None, key="desk_state", placeholder="Any", width=130)
        postings = posting_picker.offered(view, "desk_posting", also=[filters.asked_posting_id()], width=280)
        asked = filters.asked_posting(postings)
        at = list(postings).index(asked) if asked else None
        posting = st.selectbox("Posting", list(postings), at, key="desk_posting", placeholder="Any", width=190)
        person = st.selectbox("Referrer", list(people), None, key="desk_referrer", placeholder="Anybody", width=150)
        periods = [_ALL_TIME, *_PERIODS]
        period = st.selectbox("Sent within", periods, key="desk_period", width=120)
        search = st.text_input(
            "Find", key="desk_search", placeholder="E-mail address or code", width=220, icon=":material/search:"
        ).strip()
    persons, code = frozenset[str](), ""
    if "@" in search:
        try:
            persons = persons_of(running_store().vault, plain_address(search))
        except ValueError as error:
            st.warning(words.plain(str(error)), icon=":material/info:")
            return None, True
    elif search:
        code = plain_code(search)
        if not is_code(code):
            st.warning("Search for a whole e-mail address, or for a referral's code.", icon=":material/info:")
    today = local_day(view.now, view.company.time_zone)
    days = named_period(_PERIODS[period], today) if period in _PERIODS else None
    wanted = WantedReferrals(
        states.get(state or "", ""), postings.get(posting or ""), people.get(person or ""), days, persons, code
    )
    return wanted, wanted != WantedReferrals()


def _named(name: str, key: uuid.UUID) -> str:
    """A name, told from another one's."""
    return f"{name} ({str(key)[-4:]})"


def _places(wanted: WantedReferrals) -> list[Any]:
    """Where the pages before ended; from the start again once something else is wanted."""
    if st.session_state.get(_ASKED) != wanted:
        st.session_state[_ASKED], st.session_state[_PLACES] = wanted, []
    places: list[tuple[datetime, uuid.UUID]] = st.session_state.setdefault(_PLACES, [])
    return places


def _above(lines: list[ReferralLine], total: int) -> None:
    """How many there are. Above the table, whose own buttons would otherwise cover what stands there; and so short that
    on a phone they do not cover it."""
    first = len(st.session_state[_PLACES]) * PAGE + 1
    many = f"more than {MOST_COUNTED:,}" if total > MOST_COUNTED else words.counted(total, "referral")
    st.caption(f"{first:,} to {first + len(lines) - 1:,} of {many}.")


def _below(view: View, table: Table, lines: list[ReferralLine], of: tuple[WantedReferrals, int]) -> None:
    """What a row is for, the pages, and the files. `of` is what is wanted, and how many there are: 0 where one page
    has them all."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
        st.caption("Choose a row for what can be done.", width="content")
        _pages(view, table, lines, of)


def _pages(view: View, table: Table, lines: list[ReferralLine], of: tuple[WantedReferrals, int]) -> None:
    places = st.session_state[_PLACES]
    wanted, total = of
    has_more = total > len(places) * PAGE + len(lines)
    with st.container(horizontal=True, width="content", gap="small"):
        st.button("Newer", key="desk_newer", icon=":material/chevron_left:", disabled=not places, on_click=_back)
        last = (lines[-1].sent_at, lines[-1].id)
        st.button(
            "Older", key="desk_older", icon=":material/chevron_right:", disabled=not has_more,
            on_click=places.append, args=(last,),
        )  # fmt: skip
        name = export.file_name("referrals", view.company.name)
        export.download(table, name=name, key="download_referrals")
        if total:
            whole = partial(_whole, view, wanted)
            export.download_all(whole, number=total, name=name, key="download_all_referrals")


def _whole(view: View, wanted: WantedReferrals) -> Table:
    """All referrals that are wanted, as far as a file goes."""
    require_admin(running_store(), view.viewer, "referrals.export", now=datetime.now(UTC))
    seen = opener(running_store().vault, "referrals", personal=False)
    lines: list[ReferralLine] = []
    with data.session() as session:
        while len(lines) < export.MOST_IN_FILE:
            after = (lines[-1].sent_at, lines[-1].id) if lines else None
            some = list_lines(session, view.company, wanted, seen, now=view.now, after=after, limit=_AT_ONCE)
            lines += some
            if len(some) < _AT_ONCE:
                break
    return referrals_table(lines)


def _back() -> None:
    if st.session_state[_PLACES]:
        st.session_state[_PLACES].pop()


def _nothing(*, is_narrowed: bool) -> None:
    if is_narrowed:
        shell.nothing_here("**No referral is like that.** Choose less above.", icon=":material/filter_alt_off:")
        return
    shell.nothing_here(
        "**Nobody has been referred yet.** Everybody who may sign in can refer people. What it earns them stands under"
        " “Rules”.",
        path="pages/Refer_someone.py",
        action="Refer someone",
        icon=":material/handshake:",
    )


PARTS: dict[str, Callable[[View], None]] = {
    "Referrals": referrals,
    "Rewards": referral_rewards.draw,
    "Rules": reward_rules.draw,
    _INVITATIONS: referral_mail.draw,
    "Statistics": referral_statistics.draw,
}
