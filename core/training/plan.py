"""The options of a training, in addition to its recipe, from a page or a command."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from core.errors import InvalidInput
from core.training.data.training_window import AUTO, parse_window
from core.training.models.objective import SQUARED, check_objective

METHODS: Mapping[str, str] = {
    "grid": "every combination",
    "smart": "wider ranges, successive halving",
}

SCORE, PICK = "score", "pick"
PURPOSES: Mapping[str, str] = {
    SCORE: "a score close to the truth",
    PICK: "the best of each group is picked",
}
"""The purposes of a model; the search, the gate and the first sentence of a report follow it."""

RECENT = "recent"
HOLDOUTS: Mapping[str, str] = {
    "fifth": "the newest fifth of the rows",
    RECENT: "the newest four weeks where rows have times, at least 30 rows and at most a fifth",
}


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """The options of a training. `parse_window` reads `window`; with `parameters` (of a version, or
    of a cancelled search) nothing is searched."""

    objective: str = SQUARED
    window: str = AUTO
    search: str = "grid"
    device: str = "cpu"
    holdout: str = "fifth"  # of HOLDOUTS; a retraining's is recent, so that it learns what is new
    purpose: str = SCORE  # of PURPOSES
    parameters: Mapping[str, Any] | None = None


def read_plan(args: Mapping[str, object], device: str) -> TrainingPlan:
    """Return the plan of a job's arguments, with defaults. Raises `InvalidInput` for an unknown
    choice.

    >>> read_plan({"recipe": "baseline", "window": "182"}, "cpu").window
    '182'
    """
    names = ("objective", "window", "search", "parameters", "holdout", "purpose")
    given = {name: args[name] for name in names if args.get(name) is not None}
    try:
        plan = msgspec.convert({**given, "device": device}, TrainingPlan)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The training cannot be done as asked for: {error}.") from error
    check_objective(plan.objective)
    parse_window(plan.window)
    if plan.search not in METHODS:
        raise InvalidInput(f"'{plan.search}' is not a search: choose {', '.join(METHODS)}.")
    if plan.holdout not in HOLDOUTS:
        raise InvalidInput(f"'{plan.holdout}' is not a holdout: choose {', '.join(HOLDOUTS)}.")
    if plan.purpose not in PURPOSES:
        raise InvalidInput(f"'{plan.purpose}' is not a purpose: choose {', '.join(PURPOSES)}.")
    return plan
