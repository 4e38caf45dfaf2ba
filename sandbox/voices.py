"""How each platform words a failure of its own: the first whose path a request has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: A status with a JSON body, or with XML or a web page as text.
Spoken = tuple[int, dict[str, Any] | str]

GOOGLE = {
    "429": ("RESOURCE_EXHAUSTED", "Exhausted property tokens for a project per hour."),
    "500": ("INTERNAL", "Internal error encountered."),
    "502": ("UNAVAILABLE", "Bad gateway."),
    "503": ("UNAVAILABLE", "The service is currently unavailable."),
}
CODES = frozenset(GOOGLE)
LINKEDIN = {
    "429": (101, "Resource level throttle limit for calls to this resource is reached."),
    "500": (0, "Internal Server Error"),
    "502": (0, "Bad Gateway"),
    "503": (0, "Service Unavailable"),
}


def spoken(code: str, path: str) -> Spoken:
    """The status and body of a failure (a key of CODES) at a path."""
    voice = next((voice for prefixes, voice in VOICES if path.startswith(prefixes)), _google)
    return voice(code)


def _google(code: str) -> Spoken:
    status, message = GOOGLE[code]
    return int(code), {"error": {"code": int(code), "message": message, "status": status}}


def _indeed(code: str) -> Spoken:
    kind = {"429": "TOO_MANY_REQUESTS", "500": "INTERNAL_SERVER_ERROR"}.get(code, "SERVICE_UNAVAILABLE")
    meta = {"status": int(code), "errors": [{"type": kind, "description": "Failed to process given request."}]}
    return int(code), {"meta": {**meta, "rootLocation": None, "perPage": None, "links": []}, "data": None}


def _linkedin(code: str) -> Spoken:
    number, message = LINKEDIN[code]
    return int(code), {"message": message, "serviceErrorCode": number, "status": int(code)}


def _lix(code: str) -> Spoken:
    return int(code), {"error": {"type": "rate_limit" if code == "429" else "api_error"}}


def _enrich_layer(code: str) -> Spoken:
    name = {"429": "Too Many Requests", "500": "Internal Server Error", "502": "Bad Gateway"}.get(
        code, "Service Unavailable"
    )
    return int(code), {"code": int(code), "description": "The request could not be processed.", "name": name}


def _scrapingbee(code: str) -> Spoken:
    words = {"429": "Too many concurrent requests", "500": "Error with your request, please try again"}
    return int(code), {"message": words.get(code, "Service unavailable, please try again")}


def _ziprecruiter(code: str) -> Spoken:
    told = {"429": ("rate_limited", "Too many requests.")}.get(code, ("internal_error", "Something went wrong."))
    return int(code), {"errors": [{"code": told[0], "message": told[1]}]}


def _graphql(code: str) -> Spoken:
    words = {"429": "Too many requests."}.get(code, "Internal server error.")
    kind = "INTERNAL_SERVER_ERROR" if code == "500" else "DOWNSTREAM_SERVICE_ERROR"
    if code == "429":
        return 429, {"errors": [{"message": words}]}
    return int(code), {"data": None, "errors": [{"message": words, "extensions": {"code": kind}}]}


def _facebook(code: str) -> Spoken:
    if code == "429":
        error: dict[str, Any] = {"message": "(#4) Application request limit reached", "code": 4}
        return 400, {"error": {**error, "type": "OAuthException", "fbtrace_id": "AbC1xYz"}}
    words = "An unexpected error has occurred. Please retry your request later."
    error = {"message": words, "type": "OAuthException", "is_transient": True, "code": 2, "fbtrace_id": "AbC1xYz"}
    return (503 if code == "503" else 500), {"error": error}


def _x(code: str) -> Spoken:
    title = {"429": "Too Many Requests", "500": "Internal Server Error"}.get(code, "Service Unavailable")
    return int(code), {"title": title, "detail": title, "type": "about:blank", "status": int(code)}


def _monster(code: str) -> Spoken:
    words = {"429": "Busy"}.get(code, "Internal error")
    return int(code), (
        '<?xml version="1.0" encoding="utf-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV='
        '"http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:Server'
        f"</faultcode><faultstring>{words}</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )


def _glassdoor(code: str) -> Spoken:
    return int(code), f"<html><head><title>{code}</title></head><body><center>cloudfront</center></body></html>"


#: (starts of paths, voice), the more particular first.
VOICES: tuple[tuple[tuple[str, ...], Callable[[str], Spoken]], ...] = (
    (("/rest/", "/oauth/v2/accessToken", "/oauth/v2/introspectToken"), _linkedin),
    (("/v1/li/", "/v1/enrich/", "/v1/account/"), _lix),
    (("/api/v2/", "/proxycurl/"), _enrich_layer),
    (("/api/v1",), _scrapingbee),
    (("/api/api.htm",), _glassdoor),
    (("/ads", "/oauth/v2"), _indeed),
    (("/partner/v0", "/hiring-signal"), _ziprecruiter),
    (("/graphql",), _graphql),
    (("/bgwBroker",), _monster),
    (tuple(f"/v{number}.0/" for number in range(19, 27)), _facebook),
    (("/2/", "/oauth2/"), _x),
)
