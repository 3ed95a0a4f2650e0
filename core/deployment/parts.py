"""The verdict of a trial by category of its requests, corrected for looking at many."""

from dataclasses import dataclass

import numpy as np

from core.domain.pair_sums import PairSums
from core.domain.trial import TrialSettings, Verdict
from core.stats.intervals import Interval
from core.stats.sequential import find_crossing, follow_sums

MOST_PARTS = 20
"""The largest that are looked at; each has this share of the false verdicts (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class PartVerdict:
    """What the comparisons of one category say by now."""

    where: str
    n: int
    advantage: Interval
    verdict: Verdict


def judge_parts(sums: PairSums, settings: TrialSettings) -> tuple[PartVerdict, ...]:
    """The largest categories with enough comparisons. The interval of each holds at every look,
    and all of them together.

    >>> judge_parts(PairSums(), TrialSettings())
    ()
    """
    found = []
    for column, values in sums.parts.items():
        for value, part in values.items():
            kept = part.moments
            if kept.n < settings.burn_in:
                continue
            path = follow_sums(
                np.array([float(kept.n)]),
                kept.shift,
                np.array([kept.total]),
                np.array([kept.squares]),
                t_star=settings.t_star,
                alpha=settings.alpha / MOST_PARTS,
                burn_in=settings.burn_in,
            )
            crossing = find_crossing(path, settings.margin)
            verdict = Verdict.NOT_YET if crossing is None else Verdict(crossing.verdict)
            low, high = float(path.low[0]), float(path.high[0])
            advantage = Interval(float(path.value[0]), low, high)
            found.append(PartVerdict(f"{column} = {value}", kept.n, advantage, verdict))
    return tuple(sorted(found, key=lambda part: (-part.n, part.where))[:MOST_PARTS])
