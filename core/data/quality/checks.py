"""The data checks: the issues of the rows, their severity, and the next step; pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from core.data.quality.column_checks import (
    check_base_metrics,
    check_changes,
    check_columns,
    check_leaks,
    check_names,
    check_target,
)
from core.data.quality.column_summaries import summarize_columns
from core.data.quality.extremes import check_extremes, drop_unusable
from core.data.quality.row_checks import (
    check_duplicates,
    check_groups,
    check_label_times,
    check_populations,
    check_repeats,
    check_times,
)
from core.data.quality.rules import check_rules
from core.domain.dataset import (
    AT,
    LABELLED_AT,
    PROVENANCE,
    RESERVED,
    TARGET,
    TARGET_NAME,
    TEXT,
    Issue,
    Severity,
    warn,
)
from core.domain.sample import Provenance
from core.settings import Scale

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

BLOCKING_ROWS = 50
"""Below, a fifth held out is fewer than ten rows, too few for any interval."""

FEW_ROWS = 150
"""Below, the holdout is smaller than 30 rows, the fewest for which an accuracy is shown."""

_MIN_OWN, _OWN_SHARE = 20, 0.5
_ORDER = {Severity.BLOCKING: 0, Severity.WARNING: 1, Severity.INFO: 2}


def check_rows(
    frame: pd.DataFrame,
    *,
    scale: Scale,
    now: datetime,
    tolerance: float | None = None,
    rules: "DataFrameSchema | None" = None,
) -> list[Issue]:
    """Return the issues of a frame of `read_snapshot`, worst first; with `rules`, also those of the
    team's schema. If observed and generated rows are mixed, report it and check the observed ones.

    >>> frame = pd.DataFrame({"__target__": [10.0, 90.0], "a": [0.5, 0.7]})
    >>> issues = check_rows(frame, scale=Scale(0, 100), now=datetime(2026, 1, 1))
    >>> [(issue.code, str(issue.severity)) for issue in issues]
    [('too_few_rows', 'blocking')]
    """
    issues = []
    if PROVENANCE in frame:
        synthetic = (frame[PROVENANCE] == Provenance.SYNTHETIC.value).to_numpy()
        issues += check_provenance(len(frame) - int(synthetic.sum()), int(synthetic.sum()))
        if synthetic.any() and not synthetic.all():
            frame = frame[~synthetic]
    if len(frame) == 0:
        return order_issues([*issues, *_check_count(0)])
    features = [name for name in frame.columns if name not in RESERVED]
    issues += check_extremes(frame[features])
    frame = drop_unusable(frame)
    issues += [
        *_check_count(len(frame)),
        *check_target(frame[TARGET], scale, tolerance),
        *check_columns(summarize_columns(frame[features]), len(frame)),
        *check_base_metrics(frame[features]),
        *check_leaks(frame[features], frame[TARGET], frame.get(TEXT)),
        *check_duplicates(frame),
        *check_repeats(frame),
        *check_groups(frame),
        *check_populations(frame),
        *check_changes(frame),
        *check_names(frame),
    ]
    if AT in frame:
        issues += check_times(frame[AT], now)
    if AT in frame and LABELLED_AT in frame:
        issues += check_label_times(frame[AT], frame[LABELLED_AT])
    if rules is not None:
        issues += check_rules(frame, rules)
    return order_issues(issues)


def check_provenance(n_observed: int, n_synthetic: int) -> list[Issue]:
    """Return an issue if rows are generated, alone or mixed with observed ones.

    >>> [issue.code for issue in check_provenance(0, 5)]
    ['synthetic_rows']
    """
    if not n_synthetic:
        return []
    if not n_observed:
        return [
            warn(
                "synthetic_rows",
                None,
                n_synthetic,
                f"All {n_synthetic:,} rows are generated: what is trained on them shows how the "
                "tool works and says nothing about your work. Import labelled rows of your own.",
            )
        ]
    return [
        Issue(
            "mixed_provenance",
            Severity.INFO,
            None,
            n_synthetic,
            f"{n_synthetic:,} generated rows stand beside {n_observed:,} observed ones: training "
            "and evaluation use the observed rows only. Nothing needs to be done.",
        )
    ]


def check_own_scores(n_labelled: int, n_same: int, n_previous: int = 0) -> list[Issue]:
    """Return an issue if the labels of predictions equal the predicted scores, or the scores of the
    same unit's predictions before (`n_previous`).

    >>> [issue.code for issue in check_own_scores(100, 60)], check_own_scores(100, 3)
    (['own_predictions'], [])
    >>> [issue.n_rows for issue in check_own_scores(100, 3, 70)]
    [70]
    """
    if n_labelled < _MIN_OWN:
        return []
    found = {"that was predicted": n_same, "of the prediction before for the same unit": n_previous}
    return [
        warn(
            "own_predictions",
            TARGET_NAME,
            n,
            f"{n:,} of {n_labelled:,} labels that came back are exactly the score {which}: a model "
            "that learns from them learns to agree with itself. Send what a person or a test "
            "found, not the score.",
        )
        for which, n in found.items()
        if n >= _OWN_SHARE * n_labelled
    ]


def order_issues(issues: Iterable[Issue]) -> list[Issue]:
    """Sort issues by severity, worst first; then by code and column."""
    return sorted(issues, key=lambda i: (_ORDER[i.severity], i.code, i.column or ""))


def _check_count(n: int) -> Iterator[Issue]:
    if n < BLOCKING_ROWS:
        yield Issue(
            "too_few_rows",
            Severity.BLOCKING,
            None,
            n,
            f"{n} rows are too few: a fifth of them is held out to judge by, and on fewer than "
            f"{BLOCKING_ROWS // 5} rows no figure means anything. Import at least {BLOCKING_ROWS}, "
            "better some hundreds.",
        )
    elif n < FEW_ROWS:
        yield warn(
            "too_few_rows",
            None,
            n,
            f"{n} rows are few: about {n // 5} are held out to judge by, so every interval will be "
            f"wide. From {FEW_ROWS} rows on this warning goes.",
        )
