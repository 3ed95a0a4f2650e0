"""The check that labels are what a person or a test found, and not the score once more; pure."""

import math

from core import text
from core.domain.monitoring import Health, Reason
from core.domain.version import version_name
from core.monitoring.health.inputs import HealthInputs

MIN_LABELS = 20
"""Labels below which nothing is said of where they come from."""

FAR_BELOW = 0.3
"""An error surely below this many times what the training promised is too small to be true."""

_ALIKE = 1e-3  # of the MAE
_STEP = (
    "Ask whoever sends to POST /v1/feedback where the labels come from: they have to be what a "
    "person or a test found. Train on none of them until that is known."
)


def check_echo(facts: HealthInputs) -> list[Reason]:
    """Return a warning where the labels are all one value, differ from the scores by one constant,
    or are far nearer to the scores than the training made possible; nothing otherwise."""
    said = _find_echo(facts)
    return [Reason("echo", Health.WARNING, said, _STEP)] if said else []


def _find_echo(facts: HealthInputs) -> str:
    labelled = facts.labelled
    figures = None if labelled is None else labelled.figures
    if (
        figures is None
        or facts.champion is None
        or figures.n_labelled < MIN_LABELS
        or figures.mae is None
        or figures.rmse is None
        or figures.naive is None
    ):
        return ""
    n, name = figures.n_labelled, version_name(facts.champion)
    mae, bias = figures.mae.value, figures.bias
    if figures.naive.mae < 1e-9:
        return (
            f"All {n:,} labels are {figures.naive.guess:g}: they cannot tell a good score of "
            f"{name} from a bad one."
        )
    if (
        bias is not None
        and mae > 1e-9
        and figures.rmse.value - mae <= _ALIKE * mae
        and abs(bias) >= (1.0 - _ALIKE) * mae
    ):
        return (
            f"Each of {n:,} labels is {text.figure(abs(bias))} {'below' if bias > 0 else 'above'} "
            f"the score of {name}: the labels are made from the scores."
        )
    delivered = facts.delivered
    if delivered is None or delivered.n_labelled < MIN_LABELS:
        return ""
    shown = delivered.ratio.shown
    at_most = shown.high if math.isfinite(shown.high) else 2.0 * shown.value
    if at_most >= FAR_BELOW:
        return ""
    return (
        f"The error of {name} is {text.figure(shown.value)} times what its training promised, over "
        f"{delivered.n_labelled:,} labels: rows like those it learned from do not allow that, so "
        "the labels are probably the scores, rounded or copied."
    )
