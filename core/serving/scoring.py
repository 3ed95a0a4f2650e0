"""Scoring: rows through one version as the API does it, each with a score or why it has none."""

from collections.abc import Callable, Sequence

from core.domain.sample import Features
from core.domain.version import version_name
from core.errors import OpsError
from core.safety.masking import mask
from core.serving.answer import check_scores, choose_refusal
from core.serving.cache import Model
from core.serving.model_inputs import InputRow, carry_rows
from core.store.engine.database import Database

MODEL_ERRORS = (
    OpsError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a fitted pipeline may raise on a row it does not like; the heuristic answers instead."""


def score_asked(
    db: Database,
    artifact: Model,
    version: int,
    rows: Sequence[InputRow],
    report: Callable[[str], None],
) -> list[float | str]:
    """`score_rows` of what was asked, with what the pipeline reads beside the features."""
    try:
        carried = carry_rows(db, artifact.card, rows)
    except OpsError as error:
        why = f"{version_name(version)} has no history to read: {clean_error(error)}"
        report(why)
        return [why] * len(rows)
    return score_rows(artifact, version, carried, report)


def score_rows(
    artifact: Model,
    version: int,
    rows: Sequence[Features],
    report: Callable[[str], None],
) -> list[float | str]:
    """A score for each row, or why the model has none: it has nothing to read in it, or cannot
    score it, which `report` is told from where it happened."""
    refusals = [choose_refusal(row, artifact.card, version) for row in rows]
    asked = [row for row, refusal in zip(rows, refusals, strict=True) if not refusal]
    scores = iter(_score(artifact, version, asked, report))
    return [refusal or next(scores) for refusal in refusals]


def clean_error(error: BaseException) -> str:
    """The first line of what an error says, without a full stop and without what is for the
    operator alone: callers read it.

    >>> clean_error(ValueError("no such column."))
    'no such column'
    """
    if isinstance(error, OpsError):
        said = error.public
    elif isinstance(error, OSError):
        said = error.strerror or ""  # not the file's path
    else:
        said = mask(str(error))
    lines = said.strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")


def _score(
    artifact: Model, version: int, rows: Sequence[Features], report: Callable[[str], None]
) -> list[float | str]:
    if not rows:
        return []
    try:
        one = len(rows) == 1
        scores = [artifact.score_row(rows[0])] if one else artifact.score_rows(rows)
        check_scores(scores, len(rows))
    except MODEL_ERRORS as error:
        if len(rows) > 1:  # one bad row does not take the others' model away
            return [_score(artifact, version, [row], report)[0] for row in rows]
        why = f"{version_name(version)} cannot score this row: {clean_error(error)}"
        report(why)
        return [why]
    return list(scores)
