"""What Google's refusals mean: they differ in their words, not in their status."""

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from connectors.answers import Answer, platform_words, retry_after, slow_down
from connectors.errors import ConfigError, ConnectorError, RateLimited, Rejected

_PACIFIC = ZoneInfo("America/Los_Angeles")
#: Seconds until a quota comes back, by a word of the message; checked in this order.
_QUOTAS = (("concurrent", 30), ("per hour", 1800), ("thresholded", 1800), ("server error", 3600))
_DISABLED = re.compile(r"SERVICE_DISABLED|has not been used in project|it is disabled")
#: A dimension that an admin has named; any other unknown field is a mistake of ours.
_PARAMETER = re.compile(r"Field custom\w+:\S+ is not a valid dimension")
_PROPERTY = re.compile(r"(?i)property\s+id|properties/|valid property")


def error_for(answer: Answer, now: datetime) -> ConnectorError | None:
    """The error of an answer of the Data API; None leaves it to the general table."""
    if answer.is_success:
        return None
    words = platform_words(answer)
    if answer.status == 429:
        return _quota(answer, now, words)
    if answer.status == 403 and _DISABLED.search(bytes(answer.body).decode("utf-8", "replace")):
        return ConfigError(words, cause="api_disabled")
    if answer.status == 400 and not answer.is_page:
        if _PARAMETER.search(words):
            return ConfigError(words, cause="config_invalid")
        return ConfigError(words, cause="account_unknown") if _PROPERTY.search(words) else Rejected(words)
    return None


def _quota(answer: Answer, now: datetime, words: str) -> RateLimited:
    """Google documents no Retry-After; where one is sent all the same it is believed."""
    if retry_after(answer.headers, now) is not None:
        return slow_down(answer, now, words)
    if "per day" in words:
        return RateLimited(_next_pacific_midnight(now), words, cause="quota")
    for word, seconds in _QUOTAS:
        if word in words:
            cause = "rate_limited" if word == "concurrent" else "quota"
            return RateLimited(now + timedelta(seconds=seconds), words, cause=cause)
    return slow_down(answer, now, words)


def _next_pacific_midnight(now: datetime) -> datetime:
    tomorrow = now.astimezone(_PACIFIC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), _PACIFIC).astimezone(now.tzinfo)
