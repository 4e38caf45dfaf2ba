"""What comes in over HTTP besides the pages: the gate every request passes, sign-in routes, analytics, health."""
