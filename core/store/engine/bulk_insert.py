"""Many rows into a table by few statements, as text: SQLAlchemy's own handling of each value costs
more than the database does, and while one statement runs, other threads may go on."""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

import sqlalchemy as sa

_ROWS_AT_ONCE = 500


def insert_rows(
    conn: sa.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    clause: str,
) -> int:
    """Insert rows of values as the driver takes them; how many were inserted or, by the clause
    behind them, updated. PostgreSQL refuses rows that conflict with each other."""
    n_written = 0
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        statement = _write(conn.dialect.name, table, columns, len(part), clause)
        n_written += conn.exec_driver_sql(statement, tuple(chain.from_iterable(part))).rowcount
    return n_written


@cache
def _write(dialect: str, table: str, columns: tuple[str, ...], n_rows: int, clause: str) -> str:
    placeholder = "?" if dialect == "sqlite" else "%s"
    row = f"({', '.join([placeholder] * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * n_rows)} {clause}"
