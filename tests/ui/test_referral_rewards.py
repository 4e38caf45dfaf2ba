"""The desk's rewards and rules and the leaderboard, run as pages over a store of the test's own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from actions.running import use_store
from actions.viewer import Viewer
from domain.periods import Period
from domain.rewards import Eligibility
from store.tables import RewardRule, User
from store.writes.reward_decisions import approve_rewards
from tests.store.reports.seed import seed_aggregates
from tests.store.reward_scenes import START, Desk

#: So many days before the scene's first noon, so that its tenth day is today.
DAYS = (datetime.now(UTC) - START).total_seconds() / 86_400 - 10


@pytest.fixture
def desk(sqlite_store) -> Iterator[Desk]:
    use_store(sqlite_store)
    yield Desk(sqlite_store)
    use_store(None)


@pytest.fixture
def show(desk) -> Callable[..., AppTest]:
    """Call it with the name of a screen's module and of somebody for the page as they see it."""

    def run(module: str, who: str = "ada", part: str = "draw", **more: object) -> AppTest:
        user = desk.people[who]
        viewer = Viewer(user.id, desk.company.id, user.role, user.name, user.email)
        app = AppTest.from_function(page, args=(module, part, viewer, desk.scope()), kwargs=more, default_timeout=300)
        return app.run()

    return run


def page(module, part, viewer, company, **more):
    import importlib
    from datetime import UTC, datetime

    import streamlit as st

    from domain.filters import Filters
    from domain.periods import local_day, named_period
    from ui import toasts
    from ui.filters import Chosen
    from ui.shell import View

    now = datetime.now(UTC)
    chosen = Chosen("30 days", named_period("30d", local_day(now, company.time_zone)), Filters())
    toasts.show()
    view = View(viewer, company, now, [], chosen, st.container(), 1)
    getattr(importlib.import_module(f"ui.{module}"), part)(view, **more)


def earned(desk, *, amount=100_000, currency="EUR"):
    """Somebody referred by Mo a week ago and hired since; the reward, which is due."""
    desk.rule(day=DAYS, days_after=0, amount_minor=amount, currency=currency)
    referral = desk.refer(DAYS + 3)
    desk.apply(referral, DAYS + 4, hired=DAYS + 5, stage="hired")
    return desk.rewards(referral)[-1]


def said(app: AppTest) -> str:
    """All words on the page."""
    kinds = (app.markdown, app.caption, app.text, app.error, app.warning, app.info, app.toast)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def save(app: AppTest) -> None:
    """Sends the form."""
    next(button for button in app.button if button.label == "Save").click().run()


def figures(app: AppTest) -> dict[str, str]:
    """Cards by their label."""
    return {card.label: card.value for card in app.metric}


def test_the_desk_says_what_is_owed_and_what_to_do_when_there_is_nothing(show):
    app = show("referral_rewards")
    assert not app.exception
    assert "No reward waits for your approval." in said(app)


def test_figures_are_by_currency_and_a_budget_that_is_exceeded_is_said_aloud(desk, show):
    earned(desk)
    app = show("referral_rewards")
    assert figures(app)["Due"] == "1,000.00 EUR"
    assert "Left of the budget" not in figures(app)
    app.text_input(key="budget_amount").set_value("600.50")
    save(app)
    assert not app.exception
    assert figures(app)["Left of the budget"] == "-399.50 EUR"
    assert "exceeded" in said(app)


def test_approved_rewards_go_into_a_payout_and_the_payout_is_paid(desk, show):
    reward = earned(desk)
    desk.decide(approve_rewards, reward, day=DAYS + 9)
    app = show("referral_rewards")
    app.segmented_control(key="reward_list").set_value("Approved").run()
    app.button(key="make_payout").click().run()
    assert not app.exception
    ref = desk.rewards()[0].payout_ref
    assert ref
    assert ref in said(app).replace("\\", "")
    app.button(key=f"pay_{ref}").click().run()
    assert not app.exception
    assert desk.rewards()[0].state == "paid"
    assert figures(app)["Paid this year"] == "1,000.00 EUR"
    app.segmented_control(key="reward_list").set_value("Paid").run()
    (row,) = app.dataframe[0].value.to_dict("records")
    assert (row["Approved by"], row["Noted as paid by"]) == ("Ada", "Ada")


def test_a_rule_is_made_in_the_form_and_ended(desk, show):
    assert "Nothing is promised yet." in said(show("reward_rules"))
    # A dialog is a fragment, which only a browser runs: its content is drawn by itself.
    form = show("reward_rules", part="_form", row=None)
    form.text_input(key="rule_form_new_amount").set_value("750,00")
    save(form)
    assert "with a point before cents" in said(form)
    form.text_input(key="rule_form_new_amount").set_value("750.00")
    form.number_input(key="rule_form_new_days").set_value(30)
    save(form)
    assert not form.exception
    with desk.store.reading() as session:
        rule = session.exec(select(RewardRule)).one()
    assert (rule.amount_minor, rule.currency, rule.days_after) == (75_000, "EUR", 30)
    app = show("reward_rules")
    assert "750.00 EUR when the person has been hired for 30 days" in said(app).replace("\\", "")
    app.button(key=f"end_{rule.id}").click().run()
    assert not app.exception
    with desk.store.reading() as session:
        assert session.exec(select(RewardRule)).one().disabled_at is not None


def test_who_refers_reads_what_they_would_earn_and_nothing_where_they_would_not(desk, show):
    desk.rule(day=DAYS, who=Eligibility(admins=False))
    desk.rule(day=DAYS, posting=1, amount_minor=250_000)
    told = {
        (who, at): said(show("reward_rules", who, "offers", posting_id=desk.postings[at].id, is_named=True))
        for who in ("mo", "ada")
        for at in (0, 1)
    }
    assert "1,000.00 EUR when the person has been hired for 90 days" in told["mo", 0]
    assert told["ada", 0] == ""
    assert "2,500.00 EUR when" in told["mo", 1]
    assert "2,500.00 EUR when" in told["ada", 1]


def test_the_board_shows_places_and_the_switch_takes_one_off_it(desk, show):
    earned(desk)
    desk.refer(DAYS + 6, by="ada")
    app = show("leaderboard", "mia")
    assert "you have referred nobody" in said(app)
    names = app.dataframe[0].value["Name"].tolist()
    assert names == ["Mo", "Ada"]
    mine = show("leaderboard", "mo")
    assert figures(mine)["Your place"] == "1"
    mine.toggle[0].set_value(False).run()
    assert not mine.exception
    with desk.store.reading() as session:
        assert not session.get_one(User, desk.people["mo"].id).is_on_board
    assert figures(mine)["Your place"] == "1"
    assert show("leaderboard", "mia").dataframe[0].value["Name"].tolist() == ["Ada"]


def test_who_referred_sees_what_their_referrals_earn_together(desk, show):
    earned(desk)
    app = show("referral_lists", "mo", "sums")
    assert not app.exception
    assert list(figures(app).items()) == [
        ("Earned", "1,000.00 EUR"),
        ("Paid", "0.00 EUR"),
        ("Promised", "0.00 EUR"),
        ("Possible", "0.00 EUR"),
    ]
    assert figures(show("referral_lists", "mia", "sums")) == {}


def test_statistics_show_the_figures_of_the_period(desk, show):
    earned(desk)
    desk.refer(DAYS + 6)
    app = show("referral_statistics")
    assert not app.exception
    told = figures(app)
    assert (told["Referred"], told["Applied"], told["Hired"], told["Applied of referred"]) == ("2", "1", "1", "50.0%")
    assert told["Time to apply"] == "1 day"


def test_what_a_hire_cost_is_told_in_a_period_in_which_nobody_was_referred(desk, show):
    today = datetime.now(UTC).date()
    with desk.store.writing() as session:
        days = Period(today - timedelta(days=40), today - timedelta(days=20))
        seed_aggregates(session, desk.company.number, days, gap=0)
    app = show("referral_statistics")
    assert not app.exception
    assert "nobody was referred" in said(app)
    assert [element.value for element in app.subheader] == ["Cost per hire by source"]
