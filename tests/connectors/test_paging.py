"""Paginators: where they go next, and how they notice circles."""

import pytest

from connectors.errors import SchemaDrift
from connectors.paging import LinkPages, OffsetPages, TokenPages, within

ROOT = "https://apis.indeed.com/ads"


def test_it_reads_offsets_until_the_total():
    pages = OffsetPages(10)
    for new in (10, 10, 5):
        assert not pages.is_done
        pages.advance(new_rows=new, total=25)
    assert pages.is_done


def test_it_is_done_at_once_when_there_is_nothing():
    pages = OffsetPages(10)
    pages.advance(new_rows=0, total=0)
    assert pages.is_done


def test_it_asks_once_more_for_a_page_that_brought_nothing_new():
    pages = OffsetPages(10)
    pages.advance(new_rows=10, total=20)
    pages.advance(new_rows=0, total=20)
    assert (pages.offset, pages.is_done) == (10, False)
    pages.advance(new_rows=10, total=20)
    assert pages.is_done


def test_it_calls_it_a_loop_when_nothing_new_comes_again():
    pages = OffsetPages(10)
    pages.advance(new_rows=10, total=20)
    pages.advance(new_rows=0, total=30)
    with pytest.raises(SchemaDrift) as caught:
        pages.advance(new_rows=0, total=40)
    assert caught.value.cause == "page_loop"


def test_it_stops_at_a_total_that_grows_for_ever():
    pages = OffsetPages(1, max_pages=50)
    for turn in range(49):
        pages.advance(new_rows=1, total=turn + 2)
    with pytest.raises(SchemaDrift) as caught:
        pages.advance(new_rows=1, total=99)
    assert caught.value.cause == "page_loop"


def test_it_follows_links_and_notices_when_they_come_back():
    pages = LinkPages(ROOT, f"{ROOT}/v1/campaigns")
    pages.advance("/v1/campaigns?start=b")
    assert pages.url == f"{ROOT}/v1/campaigns?start=b"
    pages.advance("/v1/campaigns?start=c")
    with pytest.raises(SchemaDrift) as caught:
        pages.advance("/v1/campaigns?start=b")
    assert caught.value.cause == "page_loop"


def test_it_asks_a_page_that_links_to_itself_once_more():
    pages = LinkPages(ROOT, "/v1/campaigns")
    pages.advance("/v1/campaigns")
    with pytest.raises(SchemaDrift):
        pages.advance("/v1/campaigns")


def test_it_ends_without_a_link():
    pages = LinkPages(ROOT, "/v1/campaigns")
    pages.advance("")
    assert pages.is_done


def test_it_notices_a_repeated_token():
    pages = TokenPages()
    pages.advance("a")
    pages.advance("b")
    with pytest.raises(SchemaDrift):
        pages.advance("a")


def test_it_stops_after_too_many_pages():
    pages = TokenPages(max_pages=3)
    for turn in range(3):
        pages.advance(str(turn))
    with pytest.raises(SchemaDrift) as caught:
        pages.advance("3")
    assert caught.value.cause == "page_loop"


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("/v1/stats/1", f"{ROOT}/v1/stats/1"),
        ("/ads/v1/stats/1", f"{ROOT}/v1/stats/1"),
        ("v1/stats/1?v=8", f"{ROOT}/v1/stats/1?v=8"),
        (f"{ROOT}/v1/stats/1", f"{ROOT}/v1/stats/1"),
    ],
)
def test_it_takes_links_in_every_form(href, url):
    assert within(ROOT, href) == url


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.test/ads/v1",
        "//evil.test/ads/v1",
        "http://apis.indeed.com/ads/v1",
        "https://apis.indeed.com:444/ads/v1",
        "https://apis.indeed.com@evil.test/ads/v1",
        "https://apis.indeed.com/adsomething/v1",
        "https://apis.indeed.com/oauth/v2/tokens",
        "../oauth/v2/tokens",
        "/ads/../oauth/v2/tokens",
        "\\\\evil.test",
        "/v1/\tx",
        "javascript:alert(1)",
    ],
)
def test_it_follows_no_link_that_leads_away(href):
    with pytest.raises(SchemaDrift):
        within(ROOT, href)
