"""Which Analytics properties a grant reaches, by the Google Analytics Admin API v1beta."""

from msgspec import Struct

from connectors.contract import Choice
from connectors.http import Bearer, Http
from connectors.paging import TokenPages
from connectors.wording import clean

URL = "https://analyticsadmin.googleapis.com/v1beta/accountSummaries"


class _Property(Struct, rename="camel"):
    property: str
    display_name: str = ""


class _Summary(Struct, rename="camel"):
    display_name: str = ""
    property_summaries: list[_Property] = []


class _Summaries(Struct, rename="camel"):
    account_summaries: list[_Summary] = []
    next_page_token: str = ""


def list_properties(http: Http, bearer: Bearer) -> tuple[Choice, ...]:
    """Every property with its account's name, as the form's `property_id`. Raises ConnectorError.

    https://developers.google.com/analytics/devguides/config/admin/v1/rest/v1beta/accountSummaries/list
    """
    found: list[Choice] = []
    pages = TokenPages()
    while not pages.is_done:
        params = {"pageSize": "200"} | ({"pageToken": pages.token} if pages.token else {})
        page = http.get(URL, params, bearer=bearer).decode(_Summaries)
        for account in page.account_summaries:
            for each in account.property_summaries:
                ref = each.property.removeprefix("properties/")
                label = clean(f"{account.display_name}: {each.display_name}", 200)
                found.append(Choice(ref, label, {"property_id": ref}))
        pages.advance(page.next_page_token)
    return tuple(found)
