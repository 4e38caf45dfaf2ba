"""How fast and how large the product is, in ratios of one run. `python -m bench` runs all, with a NAME one of them."""
