"""The application under /api: its routes, its errors as problem documents, and which other sites may call it."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from api.analytics import ANALYTICS
from api.annotations import ANNOTATIONS
from api.applicants import APPLICANTS
from api.configs import CONFIGS
from api.docs import docs_routes
from api.endpoints import Endpoint, routes_of
from api.exports import EXPORTS
from api.intake import INTAKE
from api.mcp import mcp_routes
from api.payouts import PAYOUTS
from api.problems import HANDLERS
from api.queries import QUERIES
from api.records import RECORDS
from api.referrals import REFERRALS
from api.rewards import REWARDS
from api.syncs import SYNCS
from api.tokens import TOKENS

ENDPOINTS: tuple[Endpoint, ...] = (
    *ANALYTICS,
    *ANNOTATIONS,
    *QUERIES,
    *RECORDS,
    *APPLICANTS,
    *REFERRALS,
    *REWARDS,
    *PAYOUTS,
    *INTAKE,
    *SYNCS,
    *CONFIGS,
    *EXPORTS,
    *TOKENS,
)
_ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match")
_TOLD = ("ETag", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "Idempotency-Replayed")


def api(cors_origins: Sequence[str] = ()) -> Starlette:
    """The sub-application mounted at /api. Pages of `cors_origins` may call it, with a key: never with the cookie."""
    others = Middleware(
        CORSMiddleware,
        allow_origins=list(cors_origins),
        allow_methods=["GET", "POST"],
        allow_headers=list(_ASKED),
        expose_headers=list(_TOLD),
        allow_credentials=False,
        max_age=600,
    )
    app = Starlette(
        routes=[*routes_of(ENDPOINTS), *docs_routes(ENDPOINTS), *mcp_routes(ENDPOINTS)],
        middleware=[others] if cors_origins else [],
        exception_handlers=HANDLERS,
    )
    # A path is right or it is not: no redirects that the document does not tell of.
    app.router.redirect_slashes = False
    return app
