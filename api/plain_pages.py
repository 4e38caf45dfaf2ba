"""Small pages for people without an account: no script, one style sheet that its own hash allows, light and dark."""

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;background:light-dark(#f3f5f8,#10151c);color:light-dark(#1d2530,#e7ebf1);
font:1.05rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
main{max-width:38rem;margin:0 auto;padding:clamp(1.5rem,6vh,4rem) 1.25rem 3rem;overflow-wrap:anywhere}
article{background:light-dark(#fff,#1a212b);border:1px solid light-dark(#dfe4ea,#2c3541);border-radius:.8rem;
padding:1.5rem clamp(1.1rem,4vw,2rem)}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .4rem}
h2{font-size:1.05rem;margin:1.8rem 0 .4rem}
p{margin:.5rem 0}
.pale{color:light-dark(#57606c,#9aa5b3);font-size:.95rem}
.text{white-space:pre-line}
.go{display:inline-block;margin:1.3rem 0 .3rem;padding:.75rem 1.5rem;border:0;border-radius:.55rem;font:inherit;
font-weight:600;background:#2f6fd0;color:#fff;text-decoration:none;cursor:pointer}
.go:focus-visible{outline:3px solid light-dark(#1d2530,#fff);outline-offset:2px}
@media (max-width:30rem){.go{display:block;width:100%;box-sizing:border-box;text-align:center}}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: Nothing may be loaded, run, framed, or sent anywhere but here.
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
#: A page sent to one person: nobody else keeps or finds it. Its address tells where it leads, so no site learns it.
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


def page(title: str, inner: str, status: int = 200, more: dict[str, str] | None = None) -> HTMLResponse:
    """A page around `inner`, which is HTML; `title` is text. `more` are headers, in place of ours where named alike."""
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><article>{inner}</article></main></body></html>"
    )
    return HTMLResponse(document, status, _HEADERS | (more or {}))


def lost(title: str, words: str, status: int) -> HTMLResponse:
    """A page for who is somewhere where there is nothing, the same for everybody, with the way home."""
    inner = f"<h1>{escape(title)}</h1><p>{escape(words)}</p>"
    return page(title, f'{inner}<a class="go" href="/">Go to Sourceboard</a>', status)


def notice(title: str, words: str, status: int = 200, more: dict[str, str] | None = None) -> HTMLResponse:
    """A page that says one thing."""
    return page(title, f"<h1>{escape(title)}</h1><p>{escape(words)}</p>", status, more)
