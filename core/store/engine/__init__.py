"""The database itself: its connection, its column types, its tables and their history."""
