"""Google's error envelope (google.rpc.Status as JSON)."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

SCHEMA_URL = "https://developers.google.com/analytics/devguides/reporting/data/v1/api-schema"


class GoogleError(Exception):
    """A failure the API answers with its envelope."""

    def __init__(self, code: int, status: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.code, self.status, self.message, self.extra = code, status, message, extra

    def response(self) -> JSONResponse:
        """The envelope as an HTTP answer."""
        error = {"code": self.code, "message": self.message, "status": self.status, **self.extra}
        return JSONResponse({"error": error}, status_code=self.code)


def invalid_argument(message: str) -> GoogleError:
    """400 INVALID_ARGUMENT."""
    return GoogleError(400, "INVALID_ARGUMENT", message)


def unauthenticated() -> GoogleError:
    """401 for a missing, expired or unknown access token."""
    return GoogleError(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        errors=[
            {
                "message": "Invalid Credentials",
                "domain": "global",
                "reason": "authError",
                "location": "Authorization",
                "locationType": "header",
            }
        ],
    )


def permission_denied() -> GoogleError:
    """403 for a property the caller may not read."""
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        "User does not have sufficient permissions for this property. To learn more about Property ID, see "
        "https://developers.google.com/analytics/devguides/reporting/data/v1/property-id.",
    )


def scope_insufficient() -> GoogleError:
    """403 for a token without the analytics scope."""
    return GoogleError(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")


def service_disabled(project_number: str) -> GoogleError:
    """403 for a project in which the API is switched off."""
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Google Analytics Data API has not been used in project {project_number} before or it is disabled. "
        "Enable it by visiting https://console.developers.google.com/apis/api/analyticsdata.googleapis.com/"
        f"overview?project={project_number} then retry.",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {
                    "service": "analyticsdata.googleapis.com",
                    "consumer": f"projects/{project_number}",
                },
            }
        ],
    )


def exhausted(message: str) -> GoogleError:
    """429 RESOURCE_EXHAUSTED; Google announces no Retry-After."""
    return GoogleError(429, "RESOURCE_EXHAUSTED", message)
