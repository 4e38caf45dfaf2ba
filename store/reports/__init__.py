"""One question a file. Each takes (session, company scope, period, filters) and answers with frozen dataclasses."""
