"""Headers that tell browsers what pages of ours may do. Each exception stands beside what needs it."""

import base64
import hashlib
import re

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.S)


def _inline_hashes(index_html: str) -> str:
    """Hashes of the inline scripts in Streamlit's own page, so that no other inline script runs."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(index_html))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def page_policy(index_html: str) -> str:
    """The Content-Security-Policy of everything we serve.

    style-src: emotion writes style elements. img-src: Plotly draws pictures from data and blob URLs. worker-src: the
    table widget and the uploader start workers from blobs. frame-src: component frames, from here only.
    """
    directives = {
        "default-src": "'none'",
        "script-src": f"'self' {_inline_hashes(index_html)}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "media-src": "'self'",
        "worker-src": "'self' blob:",
        "frame-src": "'self'",
        "manifest-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "object-src": "'none'",
        "base-uri": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def security_headers(index_html: str, *, is_https: bool) -> list[tuple[bytes, bytes]]:
    """The headers every answer carries."""
    found = {
        "content-security-policy": page_policy(index_html),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }
    if is_https:
        found["strict-transport-security"] = "max-age=31536000"
    return [(name.encode(), value.encode()) for name, value in found.items()]
