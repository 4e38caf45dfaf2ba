"""One module a connector: its traits, the fields of its form, and the requests its platform knows."""
