"""A team's own rules: a pandera schema from a YAML file, checked in addition to the program's."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from core.domain.dataset import (
    AT,
    GROUP,
    RESERVED,
    SOURCE,
    TARGET,
    TARGET_NAME,
    TEXT,
    TIME_NAME,
    Issue,
    Severity,
)
from core.errors import InvalidInput

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

NAMES = {TARGET: TARGET_NAME, AT: TIME_NAME, TEXT: "text", GROUP: "group", SOURCE: "source"}
"""The names of the columns that are no feature in a schema; they win over a feature's name."""

_MAX_ROWS_NAMED = 3


def read_rules(path: Path | None) -> "DataFrameSchema | None":
    """Return the schema of a file; None without a path. Raises `InvalidInput` if the file is
    missing or holds no schema."""
    if path is None:
        return None
    from pandera.errors import SchemaDefinitionError  # 2 s that only a team with rules pays
    from pandera.pandas import DataFrameSchema
    from yaml import YAMLError

    try:
        return DataFrameSchema.from_yaml(path.read_text())
    except OSError as error:
        raise InvalidInput(
            f"PLUMBLINE_RULES: {path} cannot be read ({error.strerror}). Write the schema there "
            "(pandera's `to_yaml`), or leave the setting empty."
        ) from error
    except (YAMLError, SchemaDefinitionError, AttributeError, KeyError, TypeError, ValueError) as e:
        raise InvalidInput(
            f"PLUMBLINE_RULES: {path} holds no pandera schema ({type(e).__name__}: {e}). Write it "
            "with pandera's `to_yaml`."
        ) from e


def check_rules(frame: pd.DataFrame, schema: "DataFrameSchema") -> list[Issue]:
    """Return an issue for each broken rule of a schema; all of them block."""
    from pandera.errors import SchemaErrors  # see above

    columns = {
        NAMES.get(str(name), str(name)): frame[name]
        for name in frame.columns
        if name in NAMES or name not in RESERVED
    }
    try:
        schema.validate(pd.DataFrame(columns), lazy=True)
    except SchemaErrors as error:
        return _read_failures(error.failure_cases)
    return []


def _read_failures(cases: pd.DataFrame) -> list[Issue]:
    issues = []
    for (column, check), part in cases.groupby(["column", "check"], dropna=False, sort=True):
        examples = ", ".join(str(case) for case in part["failure_case"].head(_MAX_ROWS_NAMED))
        name = column if isinstance(column, str) else None
        subject = f"'{name}'" if name else "the rows"
        issues.append(
            Issue(
                "team_rule",
                Severity.BLOCKING,
                name,
                len(part),
                f"A rule of yours does not hold for {subject}: {check}, in {len(part):,} places "
                f"({examples}). Correct the rows at their source, or the rule.",
            )
        )
    return issues
