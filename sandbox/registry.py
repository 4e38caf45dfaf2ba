"""The platforms the sandbox imitates; one more is one more module with a `routes(world)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from sandbox import (
    control,
    enrich_layer,
    facebook,
    facebook_webhooks,
    ga4,
    glassdoor,
    indeed,
    indeed_graphql,
    linkedin_page,
    linkedin_webhooks,
    lix,
    monster,
    oauth_google,
    oauth_indeed,
    oauth_linkedin,
    oauth_x,
    scrapingbee,
    x_api,
    x_webhooks,
    ziprecruiter,
)
from sandbox.world import World

PLATFORMS: tuple[Callable[[World], Sequence[BaseRoute]], ...] = (
    control.routes,
    oauth_google.routes,
    ga4.routes,
    linkedin_page.routes,
    linkedin_webhooks.routes,
    oauth_linkedin.routes,
    enrich_layer.routes,
    glassdoor.routes,
    lix.routes,
    scrapingbee.routes,
    oauth_indeed.routes,
    indeed.routes,
    indeed_graphql.routes,
    facebook_webhooks.routes,
    facebook.routes,
    oauth_x.routes,
    x_api.routes,
    x_webhooks.routes,
    ziprecruiter.routes,
    monster.routes,
)
