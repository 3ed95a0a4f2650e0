"""Other servers around the same model, for the comparison in bench/serving.py."""
