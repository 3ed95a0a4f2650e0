"""Tables of a database collected by key, a page at a time."""
