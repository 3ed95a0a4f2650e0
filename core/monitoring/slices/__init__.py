"""Parts of the traffic, and where the error is."""
