"""Audit entries as JSON lines, for whoever keeps or reads them elsewhere."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from core.domain.actor import AuditEntry
from core.errors import InvalidInput
from core.safety.formulas import defuse
from core.safety.masking import write_out
from core.store.engine.database import Database
from core.store.installation import audit


def write_lines(entries: Iterable[AuditEntry]) -> Iterator[bytes]:
    """Yield each entry as one line of JSON. A text that a spreadsheet would run as a formula has a
    quote before it."""
    for entry in entries:
        fields = {name: _defuse(value) for name, value in msgspec.to_builtins(entry).items()}
        yield write_out(msgspec.json.encode(fields).decode()).encode() + b"\n"


def export_audit(db: Database, path: Path) -> int:
    """Write every entry, oldest first, into a new file that only its user may read, and return
    their number. Raises `InvalidInput` for a file that exists or cannot be made."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidInput(f"'{path}' exists: name a new file.") from None
    except (OSError, ValueError) as error:
        raise InvalidInput(f"'{path}' cannot be written ({error}): choose another path.") from None
    n_entries = 0
    with os.fdopen(handle, "wb") as file, db.read() as conn:
        for line in write_lines(audit.stream_entries(conn)):
            file.write(line)
            n_entries += 1
    return n_entries


def _defuse(value: object) -> object:
    if isinstance(value, dict):
        return {str(defuse(name)): _defuse(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_defuse(inner) for inner in value]
    return defuse(value)
