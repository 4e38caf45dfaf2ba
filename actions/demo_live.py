"""What goes on at the demo while it runs: platforms deliver, people visit the career site and follow links."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from actions.demo_referrals import seed_referrals
from actions.demo_visits import DemoSite, clicked_until, heard_until, seed_visits
from actions.demo_webhooks import DemoAddress, deliver_some, seed_webhooks
from actions.viewer import Viewer
from settings import Settings
from store.opening import Store

BREATH_SECONDS = 2.0
#: Asks the sandbox's control API: path, and a body to POST.
Control = Callable[..., Any]


class LiveDemo:
    """The demo's webhooks, tracker and links. `seed` once, then `run` while the app answers."""

    def __init__(self, store: Store, settings: Settings, admin: Viewer, control: Control) -> None:
        self._store, self._settings, self._admin, self._control = store, settings, admin, control
        self._waiting: list[DemoAddress] = []
        self._site: DemoSite | None = None

    def seed(self, told: Mapping[str, Any]) -> None:
        """Visits and clicks of the past, or what was missed since the last start; referrals; webhook addresses."""
        heard, clicked = heard_until(self._store, self._admin), clicked_until(self._store, self._admin)
        since = f"?from={quote(min(heard, clicked).isoformat())}" if heard and clicked else ""
        self._site = seed_visits(self._store, self._admin, self._control(f"visits{since}"))
        seed_referrals(self._store, self._admin, self._control("referrals"), now=datetime.now(UTC))
        self._waiting = seed_webhooks(self._store, self._settings, self._admin, told, now=datetime.now(UTC))

    def run(self, is_over: Callable[[], bool], say: Callable[[str], None]) -> None:
        """Go on until it is over. A sandbox that does not answer is said once, and asked again."""
        is_said = False
        while not is_over():
            try:
                self.step()
                is_said = False
            except (OSError, RuntimeError) as error:
                if not is_said:
                    say(f"  visits and deliveries: {error}")
                is_said = True
            time.sleep(BREATH_SECONDS)

    def step(self) -> None:
        """First deliveries to addresses that are ready by now; visits and clicks since the last step."""
        self._waiting = deliver_some(self._store, self._waiting, self._control)
        if self._site is not None:
            url = f"http://127.0.0.1:{self._settings.port}"
            self._control("visit", {"url": url, "site": self._site.key, "links": dict(self._site.links)})
