"""Insert many rows by the driver: SQLAlchemy's own handling of each value costs more than the
database does."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa


def insert_rows(
    conn: sa.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    clause: str,
) -> int:
    """Insert rows of values as the driver takes them, each by one statement that ends with
    `clause`. Return how many were inserted or, by the clause, updated."""
    if not rows:
        return 0
    placeholder = "?" if conn.dialect.name == "sqlite" else "%s"
    values = ", ".join([placeholder] * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {clause}"
    return conn.exec_driver_sql(statement, list(rows)).rowcount
