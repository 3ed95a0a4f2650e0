"""One module for each place rows come from."""
