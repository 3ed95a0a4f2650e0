"""What a trial says by category."""

import numpy as np

from core.deployment.verdict import judge_parts
from core.domain.trial import Moments, PairSlice, PairSums, TrialSettings, TrialVerdict
from tests.stats.whole_sequences import follow_mean


def test_a_category_is_judged_by_its_own_pairs_and_corrected_for_looking() -> None:
    d = np.random.default_rng(1).normal(2.0, 1.0, 400)
    good = PairSlice(Moments(400, 0.0, float(d.sum()), float(d @ d)))
    few = PairSlice(Moments(10, 0.0, 20.0, 60.0))
    (part,) = judge_parts(PairSums(parts={"lang": {"a": good, "b": few}}), TrialSettings())
    path = follow_mean(d, t_star=2_000, alpha=0.05 / 20)
    assert (part.where, part.n, part.verdict) == ("lang = a", 400, TrialVerdict.BETTER)
    assert abs(part.advantage.low - float(path.low[-1])) < 1e-9
