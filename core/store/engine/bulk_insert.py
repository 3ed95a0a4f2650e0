"""Bulk inserts by the driver: SQLAlchemy's handling of each value costs more than the database."""

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
    """Insert rows, each by one statement that ends with `clause`; return the number inserted or, by
    the clause, updated. Values are as the driver takes them."""
    if not rows:
        return 0
    placeholder = "?" if conn.dialect.name == "sqlite" else "%s"
    values = ", ".join([placeholder] * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {clause}"
    return conn.exec_driver_sql(statement, list(rows)).rowcount
