"""What codes and slugs name: in any spelling, and never another company's."""

import pytest

from store.opening import Store
from store.writes.tracked_names import Named, find_code, resolve_names
from tests.store.writes.referral_scenes import Desk


@pytest.mark.parametrize("spell", [str, str.upper, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_a_code_is_found_as_it_is_read_out(sqlite_store: Store, spell) -> None:
    ours, theirs = Desk(sqlite_store), Desk(sqlite_store)
    with sqlite_store.writing() as session:
        referral = ours.refer(session)
        session.flush()
        named, linked = (find_code(session, ours.company.id, spell(code)) for code in (referral.code, ours.link.slug))
        assert named == Named(referral_id=referral.id)
        assert linked == Named(link_id=ours.link.id)
        assert (named.kind, linked.kind) == ("referral", "link")
        for code in (referral.code, ours.link.slug, "kmwpx-3hnkr-7tzvd", "", "'; --"):
            assert find_code(session, theirs.company.id, spell(code)) is None


def test_events_carry_a_code_in_any_case(sqlite_store: Store) -> None:
    ours, theirs = Desk(sqlite_store), Desk(sqlite_store)
    with sqlite_store.writing() as session:
        referral = ours.refer(session)
        rows = [
            {"company_id": ours.company.id, "name": referral.code.upper()},
            {"company_id": ours.company.id, "name": ours.link.slug.upper()},
            {"company_id": theirs.company.id, "name": referral.code},
            {"company_id": ours.company.id, "name": ""},
        ]
        resolve_names(session, rows)
    told = [(row.get("link_id"), row.get("referral_id")) for row in rows]
    assert told == [(None, referral.id), (ours.link.id, None), (None, None), (None, None)]
