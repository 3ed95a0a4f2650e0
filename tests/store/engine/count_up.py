"""A process of its own that counts up in the store: URL, home, how often."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from core.domain.installation import SettingChange
from core.store.engine.database import open_database
from core.store.installation.setting_changes import append_change, load_changes

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def main(url: str, home: str, n_times: str) -> None:
    """Read the newest count, append the next one."""
    db = open_database(url, Path(home), "process", NOON)
    for _ in range(int(n_times)):
        with db.write() as conn:
            newest = load_changes(conn, limit=1)
            count = int(newest[0].value or 0) + 1 if newest else 1
            append_change(conn, SettingChange("tolerance", str(count), NOON, "ada", "a test"))
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
