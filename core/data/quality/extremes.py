"""Numbers so far from the others of their column that they are mistakes; pure."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from core import text
from core.domain.dataset import RESERVED, Issue, warn
from core.domain.sample import LARGEST

_EXTREME = 1e6


def check_extremes(features: pd.DataFrame) -> Iterator[Issue]:
    """Yield issues for numbers so far from the others of their column that they are mistakes: too
    large to be learned from, or a million times the spread of the middle half away."""
    for name in (str(name) for name in features.columns):
        column = features[name]
        if not pd.api.types.is_numeric_dtype(column) or not column.notna().any():
            continue
        values = column.to_numpy("f8")
        n_unusable = int((np.abs(values) > LARGEST).sum())
        if n_unusable:
            yield warn(
                "extreme_values",
                name,
                n_unusable,
                f"'{name}' is beyond ±{LARGEST:g} in {text.count(n_unusable, 'row')}: no model can "
                "compare such a number, so that it counts as missing. Correct it at its source.",
            )
        known = values[np.abs(values) <= LARGEST]
        if not len(known):
            continue
        low, middle, high = np.percentile(known, (25, 50, 75)).tolist()
        away = np.abs(known - middle)
        n_far = int((away > _EXTREME * max(high - low, abs(middle), 1.0)).sum())
        if n_far:
            yield warn(
                "extreme_values",
                name,
                n_far,
                f"'{name}' is {known[away.argmax()]:g} and the like in "
                f"{text.count(n_far, 'row')}, and from {low:g} to {high:g} in the middle half of "
                "them: that is probably a mistake. Correct it at its source.",
            )


def drop_unusable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with numbers that no model can compare as missing, as training reads it."""
    beyond = {
        name: frame[name].where(frame[name].abs() <= LARGEST)
        for name in frame.columns
        if name not in RESERVED
        and pd.api.types.is_float_dtype(frame[name])
        and bool((frame[name].abs() > LARGEST).any())
    }
    return frame.assign(**beyond) if beyond else frame
