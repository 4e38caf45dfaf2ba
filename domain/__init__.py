"""Vocabulary and arithmetic of recruiting sources. No input, no output, no clock."""
