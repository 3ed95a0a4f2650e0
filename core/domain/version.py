"""A version: one trained, evaluated and gated predictor, deployable by its number."""

from dataclasses import dataclass
from datetime import datetime

from core.domain.report import TrainingReport
from core.errors import InvalidInput

HEURISTIC = 0
"""The version number of "no model": the weighted mean that answers as the last resort."""


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version. Its artifact is found, and checked, by `artifact_hash`."""

    number: int
    snapshot_id: int
    run_id: str | None  # MLflow's; None until tracking could be reached
    artifact_hash: str
    report: TrainingReport
    created_at: datetime
    created_by: str

    @property
    def name(self) -> str:
        """How the version is written everywhere.

        >>> version_name(3)
        'v3'
        """
        return version_name(self.number)


def version_name(number: int) -> str:
    """`v3`, or `heuristic` for the version that is no model.

    >>> version_name(0)
    'heuristic'
    """
    return "heuristic" if number == HEURISTIC else f"v{number}"


def parse_version(text: str) -> int:
    """The number of a version written as `v3`, `3` or `heuristic`; raises `InvalidInput`.

    >>> parse_version("v3"), parse_version("3"), parse_version("heuristic")
    (3, 3, 0)
    """
    cleaned = text.strip().lower()
    if cleaned == "heuristic":
        return HEURISTIC
    digits = cleaned.removeprefix("v")
    if not digits.isascii() or not digits.isdigit() or int(digits) == HEURISTIC:
        raise InvalidInput(
            f"'{text}' is not a version: write v3, 3 or heuristic; `versions` lists them."
        )
    return int(digits)
