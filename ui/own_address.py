"""The address under which others reach this program, for what people copy from a screen."""

from urllib.parse import urlsplit

import streamlit as st

from settings import current


def base() -> str:
    """PUBLIC_URL, else the address this visitor came by; without a slash at its end."""
    if current().public_url:
        return current().public_url.rstrip("/")
    came_by = urlsplit(st.context.url or "http://localhost")
    return f"{came_by.scheme}://{came_by.netloc}"
