"""Rows of words and figures as one element each: what stands in them costs the browser no element of its own."""

from html import escape

import streamlit as st

#: Streamlit's caption in both themes: smaller, and paler than the text around it.
_PALE = "font-size:0.875rem;line-height:1.4;opacity:0.72"
_LINE = "display:flex;align-items:center;gap:0.5rem"
_RED = "color:light-dark(#b0302a,#f0776e)"


def caption(words: str, *, is_alarming: bool = False) -> str:
    """Small print as HTML; `words` is plain text."""
    if is_alarming:
        return f'<div class="note" style="font-size:0.875rem;line-height:1.4;{_RED}">{escape(words)}</div>'
    return f'<div class="note" style="{_PALE}">{escape(words)}</div>'


def figure(text: str, *, width: int) -> str:
    """A figure at the right edge of `width` pixels, as HTML."""
    return f'<div class="figure" style="width:{width}px;flex:none;text-align:right">{escape(text)}</div>'


def strong(text: str) -> str:
    """A figure that stands out, as HTML."""
    return f'<strong class="figure" style="flex:none;white-space:nowrap">{escape(text)}</strong>'


def mark(color: str) -> str:
    """A platform's dot, as HTML; `color` is one of the palette's."""
    return f'<span aria-hidden="true" style="color:{color};font-size:1.1rem;flex:none">●</span>'


def named(name: str, below: str) -> str:
    """A name over its small print (HTML of `caption`), taking the room that is left."""
    return f'<div style="flex:1;min-width:0"><div class="name">{escape(name)}</div>{below}</div>'


def line(*parts: str) -> str:
    """Parts side by side on one line at any width, as HTML."""
    return f'<div style="{_LINE}">{"".join(parts)}</div>'


def draw(*lines: str) -> None:
    """Draws lines below each other as one element."""
    st.html(lines[0] if len(lines) == 1 else f'<div style="display:grid;gap:0.75rem">{"".join(lines)}</div>')
