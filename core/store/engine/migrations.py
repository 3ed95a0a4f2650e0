"""The schema of a store: complete for a new one, and ordered steps from an older one."""

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from core.errors import Unavailable
from core.store.engine import schema

FIRST = 24
"""The oldest schema that can be migrated."""


def _drop_alert_rules(conn: sa.Connection) -> None:
    conn.exec_driver_sql("DROP TABLE alert_rules")


def _drop_alpha_spendings(conn: sa.Connection) -> None:
    conn.exec_driver_sql("DROP TABLE alpha_spendings")


def _rename_accuracy_causes(conn: sa.Connection) -> None:
    for table in ("incidents", "incident_events"):
        conn.exec_driver_sql(
            f"UPDATE {table} SET cause = CASE cause WHEN 'accuracy' THEN 'error_growth' "
            "ELSE 'accuracy' END WHERE cause IN ('accuracy', 'accuracy_level')"
        )


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (
    _drop_alert_rules,
    _drop_alpha_spendings,
    _rename_accuracy_causes,
)
"""The steps from `FIRST` on. Append here, and change `schema` to the result of the step. Never
change a released step. A step knows the tables of its time: it names columns in text and takes none
from `schema`."""


def migrate(conn: sa.Connection, now: datetime) -> int:
    """Migrate the schema in a write transaction; return the number of steps applied; creating all
    tables is one.

    Raises `Unavailable` where the database was written by a newer program, or by one too old."""
    conn.execute(sa.schema.CreateTable(schema.migrations, if_not_exists=True))
    done, newest = read_number(conn), FIRST + len(MIGRATIONS)
    if done > newest:
        raise Unavailable(
            f"The database has schema {done} and this program knows {newest}: it was written by "
            "a newer Plumbline. Start that version, or use another PLUMBLINE_HOME."
        )
    if 0 < done < FIRST:
        raise Unavailable(
            f"The database has schema {done} and this program reads {FIRST} to {newest}: start "
            f"the last Plumbline of schema {FIRST} on it once, which brings it up to date, or use "
            "another PLUMBLINE_HOME."
        )
    if not done:
        _create_tables(conn)
        _record(conn, newest, "create_tables", now)
        return 1
    steps = MIGRATIONS[done - FIRST :]
    for number, step in enumerate(steps, start=done + 1):
        step(conn)
        _record(conn, number, step.__name__.lstrip("_"), now)
    return len(steps)


def read_number(conn: sa.Connection) -> int:
    """Return the number of the schema; 0 for a store without tables."""
    return conn.execute(sa.select(sa.func.max(schema.migrations.c.number))).scalar() or 0


def _create_tables(conn: sa.Connection) -> None:
    tables = [table for table in schema.metadata.sorted_tables if table is not schema.migrations]
    schema.metadata.create_all(conn, tables, checkfirst=False)


def _record(conn: sa.Connection, number: int, name: str, now: datetime) -> None:
    conn.execute(schema.migrations.insert().values(number=number, name=name, applied_at=now))
