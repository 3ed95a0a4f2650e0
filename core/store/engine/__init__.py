"""The database: its connection, column types, tables and migrations."""
