"""Screens: shell, components, and the parts pages are made of."""
