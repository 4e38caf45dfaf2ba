"""One platform each: how to reach it, what it reports, and in which words it fails."""
