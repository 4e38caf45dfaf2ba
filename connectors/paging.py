"""Paginators: tiny state machines that say what to ask next, and notice when a platform's paging runs in circles."""

from collections.abc import Hashable
from urllib.parse import urljoin, urlsplit

from connectors.errors import SchemaDrift

#: More pages than any sane list has.
MAX_PAGES = 2_000


class _Seen:
    """Remembers handles. Raises SchemaDrift (page_loop) when one comes again, or when there are too many."""

    def __init__(self, max_pages: int) -> None:
        self._handles: set[Hashable] = set()
        self._max_pages = max_pages

    def add(self, handle: Hashable) -> None:
        if handle in self._handles:
            raise SchemaDrift(f"page {len(self._handles)} points back to an earlier one", cause="page_loop")
        if len(self._handles) >= self._max_pages:
            raise SchemaDrift(f"more than {self._max_pages} pages", cause="page_loop")
        self._handles.add(handle)


class OffsetPages:
    """Offset and limit against a total that the platform tells with every page.

    A page that brings nothing new is asked for once more, as platforms do serve a page twice; then it is a loop.
    """

    def __init__(self, limit: int, max_pages: int = MAX_PAGES) -> None:
        self.limit = limit
        self.offset = 0
        self.is_done = False
        self._pages = 0
        self._repeated = False
        self._max_pages = max_pages

    def advance(self, *, new_rows: int, total: int) -> None:
        """Take note of a page with `new_rows` rows not seen before, of `total`. Raises SchemaDrift (page_loop)."""
        self._pages += 1
        if new_rows == 0 and self.offset < total:
            if self._repeated:
                raise SchemaDrift(f"the rows at offset {self.offset} are earlier ones again", cause="page_loop")
            self._repeated = True
            return
        self._repeated = False
        self.offset += self.limit
        self.is_done = self.offset >= total
        if not self.is_done and self._pages >= self._max_pages:
            raise SchemaDrift(f"more than {self._max_pages} pages", cause="page_loop")


class LinkPages:
    """Links to the next page, relative to a root; they may not leave it.

    A page that links to itself is asked for once more, as platforms do serve a page twice; then it is a loop.
    """

    def __init__(self, root: str, first: str, max_pages: int = MAX_PAGES) -> None:
        self._root = root
        self._seen = _Seen(max_pages)
        self._repeated = False
        self.url = ""
        self.advance(first)

    @property
    def is_done(self) -> bool:
        """Whether the last page named no next one."""
        return not self.url

    def advance(self, href: str) -> None:
        """Go on to `href`, "" for none. Raises SchemaDrift for a loop or a link to somewhere else."""
        before, self.url = self.url, within(self._root, href) if href else ""
        if self.url and self.url == before and not self._repeated:
            self._repeated = True
            return
        self._repeated = False
        if self.url:
            self._seen.add(self.url)


class TokenPages:
    """Page tokens that mean something to the platform only.

    A page that names its own token is asked for once more, as platforms do serve a page twice; then it is a loop.
    """

    def __init__(self, max_pages: int = MAX_PAGES) -> None:
        self._seen = _Seen(max_pages)
        self._repeated = False
        self.token = ""
        self.is_done = False

    def advance(self, token: str) -> None:
        """Go on to the page of `token`, "" for none. Raises SchemaDrift for a loop."""
        before, self.token = self.token, token
        self.is_done = not token
        if token and token == before and not self._repeated:
            self._repeated = True
            return
        self._repeated = False
        if token:
            self._seen.add(token)


def within(root: str, href: str) -> str:
    """`href` as an address below `root`, whether it is absolute, relative to the root, or repeats the root's path.

    Raises SchemaDrift when it leads to another host or out of the root's path.

    >>> within("https://apis.indeed.com/ads", "/v1/stats/1?v=8")
    'https://apis.indeed.com/ads/v1/stats/1?v=8'
    >>> within("https://apis.indeed.com/ads", "https://apis.indeed.com/ads/v1/campaigns?start=b")
    'https://apis.indeed.com/ads/v1/campaigns?start=b'
    """
    base = root.rstrip("/")
    path = urlsplit(base).path
    if "\\" in href or any(ord(letter) <= 32 for letter in href):
        raise SchemaDrift("a link to another page is malformed")
    if href.startswith("/") and not href.startswith(("//", f"{path}/")):
        return _kept(base, f"{base}{href}")
    return _kept(base, urljoin(f"{base}/", href))


def _kept(base: str, url: str) -> str:
    wanted, found = urlsplit(base), urlsplit(url)
    inside = found.path == wanted.path or found.path.startswith(f"{wanted.path}/")
    if (found.scheme, found.netloc) != (wanted.scheme, wanted.netloc) or not inside or "/.." in found.path:
        raise SchemaDrift(f"a link leads away to {found.netloc or found.scheme}")
    return url
