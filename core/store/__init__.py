"""All SQL: the schema, its migrations, and one module of queries for each noun in `core.domain`."""
