"""What a trial says by category."""

import numpy as np

from core.deployment.parts import judge_parts
from core.domain.pair_sums import Moments, PairSums, Part
from core.domain.trial import TrialSettings, Verdict
from core.stats.sequential import follow_mean


def test_a_category_is_judged_by_its_own_pairs_and_corrected_for_looking() -> None:
    d = np.random.default_rng(1).normal(2.0, 1.0, 400)
    good = Part(Moments(400, 0.0, float(d.sum()), float(d @ d)))
    few = Part(Moments(10, 0.0, 20.0, 60.0))
    (part,) = judge_parts(PairSums(parts={"lang": {"a": good, "b": few}}), TrialSettings())
    path = follow_mean(d, t_star=2_000, alpha=0.05 / 20)
    assert (part.where, part.n, part.verdict) == ("lang = a", 400, Verdict.BETTER)
    assert abs(part.advantage.low - float(path.low[-1])) < 1e-9
