"""The building blocks of the pages: the guard, formatting, charts, tables and actions."""
