"""The verification of the audit: the chain, and every row that it tells of, as they are now."""

from dataclasses import dataclass, replace

from core.audit.chain import BEGINNING, compute_link, hash_row
from core.domain.actor import Decider
from core.store.engine.database import Connection, Database
from core.store.installation import audit


@dataclass(frozen=True, slots=True)
class Verification:
    """The result: findings are sentences, none where all is as it was written. `end` is the chain
    of the last entry: kept elsewhere, it shows later whether entries were cut off."""

    n_entries: int
    n_rows: int
    end: str
    findings: tuple[str, ...]


def verify_audit(db: Database, expected: str = "") -> Verification:
    """Return what was changed past the program: entries, and rows of the tables that decide.

    `expected` is an end of the chain that was kept: entries up to there have to exist. Raises
    `Unavailable` where the installation's key cannot be read."""
    chain, number, met = BEGINNING, 0, not expected
    hashes: dict[tuple[Decider, int], str] = {}
    findings: list[str] = []
    with db.read() as conn:
        for entry in audit.stream_entries(conn):
            if entry.id != number + 1:
                findings.append(f"Entries {number + 1} to {entry.id - 1} of the audit are missing.")
            elif entry.chain != compute_link(db.seal, chain, replace(entry, chain="")):
                findings.append(
                    f"Entry {entry.id} of the audit ({entry.act} by {entry.by}) is not what was "
                    "written, or the one before it is not."
                )
            chain, number = entry.chain, entry.id
            met = met or chain == expected
            if entry.row_table is not None and entry.row_number is not None and entry.row_hash:
                hashes[entry.row_table, entry.row_number] = entry.row_hash
        if not met:
            findings.append("The end of the chain that was kept is not there: entries are missing.")
        n_rows = 0
        if number:
            for table in Decider:
                n_rows += _compare_rows(conn, table, hashes, findings)
    findings += [f"Row {row} of {table} was deleted." for table, row in sorted(hashes)]
    return Verification(number, n_rows, chain if number else "", tuple(findings))


def describe_verification(found: Verification) -> str:
    """Return the result in a sentence.

    >>> describe_verification(Verification(3, 2, "c0ffee", ()))
    'All 3 entries, and the 2 rows that they tell of, are as they were written.'
    """
    if not found.n_entries:
        return "The audit has no entries yet."
    if not found.findings:
        return (
            f"All {found.n_entries:,} entries, and the {found.n_rows:,} rows that they tell of, "
            "are as they were written."
        )
    n, verb = len(found.findings), "was" if len(found.findings) == 1 else "were"
    return (
        f"Something {verb} changed past the program: {n:,} finding{'s' if n > 1 else ''} in "
        f"{found.n_entries:,} entries and {found.n_rows:,} rows."
    )


def _compare_rows(
    conn: Connection,
    table: Decider,
    hashes: dict[tuple[Decider, int], str],
    findings: list[str],
) -> int:
    """Take a table's rows out of `hashes`, and add a finding for each that is not as told."""
    n_rows = 0
    for number, row in audit.stream_rows(conn, table):
        n_rows += 1
        told = hashes.pop((table, number), None)
        if told is None:
            findings.append(f"Row {number} of {table} was added past the program.")
        elif told != hash_row(row):
            findings.append(f"Row {number} of {table} was changed past the program.")
    return n_rows
