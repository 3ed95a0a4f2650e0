"""How much chance of a false promotion each gate may spend, of what a year has; pure."""

from datetime import timedelta

from core import text
from core.errors import Refused

YEAR = timedelta(days=365)
YEARLY_ALPHA = 0.2
"""Of any 365 days: so many promotions of versions that are no better, on average, at most. Half a
year of weekly retrainings then promotes an equal model 0.1 times; by point estimates it would be
three times."""

GATE_ALPHA = YEARLY_ALPHA / 52
LOWEST_ALPHA = 0.0004  # below, 5,000 resamples do not reach
_SHARE_OF_REST = 0.1


def choose_alpha(spent: float) -> float:
    """What the next gate spends, with `spent` in the 365 days before it: a week's part, or a tenth
    of what is left where that is less, so that whoever trains daily gets ever stricter gates, never
    more false promotions. Raises `Refused` where next to nothing is left.

    >>> round(choose_alpha(0.0), 5), round(choose_alpha(0.19), 5)
    (0.00385, 0.001)
    """
    alpha = min(GATE_ALPHA, (YEARLY_ALPHA - spent) * _SHARE_OF_REST)
    if alpha < LOWEST_ALPHA:
        raise Refused(
            f"the gates of the last 365 days have spent {text.percent(spent)} of the "
            f"{text.chosen_percent(YEARLY_ALPHA)} "
            "chance of a false promotion that a year has: train less often, or put the version on "
            "trial, which has a budget of its own"
        )
    return alpha
