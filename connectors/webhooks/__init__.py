"""Webhooks: what each platform signs and sends, as pure functions of bytes, headers, secrets and the time."""
