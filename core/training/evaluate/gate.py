"""The gate: may a candidate be deployed without an override? Each check, its reason, its alpha."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from core import text
from core.domain.training_report import Estimate, Gate, GateCode, Metrics, NaiveMetrics, Picks
from core.domain.version import version_name
from core.errors import Refused
from core.training.evaluate.metrics import CATEGORY_MEAN, HEURISTIC
from core.training.evaluate.picks import BEST_CATEGORY, LONGEST, best_picker
from core.training.evaluate.shortfall import (
    BesideGuess,
    describe_shortfall,
    describe_tolerance,
    is_worse,
)
from core.training.models.objective import SQUARED
from core.training.plan import PICK, SCORE

MIN_HOLDOUT = 30
_SHOWN_LEAKS = 5

PASSED = "Passed: "
FAILED = "Failed: "
NOTE = "Note: "


@dataclass(frozen=True, slots=True)
class Comparison:
    """The champion on the holdout rows that it has not trained on."""

    version: int
    mae: Estimate | None = None
    improvement: Estimate | None = None  # its MAE minus the candidate's
    lowest: float | None = None  # lower limit, at the level `alpha`, of what the purpose asks for
    alpha: float | None = None  # what the gate spends of the year's chance of a false promotion
    worse: tuple[str, ...] = ()  # segments in which the candidate is shown to be worse, in words
    n_segments: int = 0  # of at least 5 % of the rows
    n_compared: int = 0
    n_left_out: int = 0  # holdout rows that it has trained on
    problem: str | None = None  # why there is no comparison
    doubt: str | None = None  # what makes it less than certain
    stale: str | None = None  # why the champion is taken to be out of date
    margin: float = 0.0  # points by which one that is new may be worse than one out of date
    basis: str = ""  # what the intervals treat as independent, as of `Blocks.words`
    advantage: Estimate | None = None  # its share of the gap minus the champion's, where it picks


@dataclass(frozen=True, slots=True)
class Doubts:
    """Sentences on the columns that the recipe was given. `leaks` give the target away, `suspects`
    may do so; those that a person overrode are in `overridden`, and in neither, and `acknowledged`
    names their columns."""

    leaks: Sequence[str] = ()
    suspects: Sequence[str] = ()
    overridden: Sequence[str] = ()
    acknowledged: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures that the gate decides from."""

    metrics: Metrics
    naive: Mapping[str, NaiveMetrics]
    n_holdout: int
    n_synthetic: int  # of the holdout rows
    n_not_finite: int  # scores that are no number
    spread: float  # the largest score minus the smallest
    basis: str
    columns: Sequence[str]  # all that the recipe was given
    related: Sequence[str]  # those that say something about the target by themselves
    comparison: Comparison | None  # None where no version serves
    synthetic: bool  # trained on generated rows
    doubts: Doubts = field(default_factory=Doubts)
    purpose: str = SCORE
    picks: Picks | None = None
    objective: str = SQUARED
    tolerance: float = 5.0


def decide_gate(evidence: Evidence) -> Gate:
    """Return the verdict. Reasons are sentences that begin with "Failed: ", "Passed: " or "Note: ",
    in this order, each with its code."""
    checks = [
        (
            GateCode.LEAKS,
            _check_doubts(evidence.doubts.leaks, "no column was found that gives the target away."),
        ),
        (
            GateCode.SUSPECTS,
            _check_doubts(
                evidence.doubts.suspects,
                "no column looks like another rating of the same work.",
            ),
        ),
        (GateCode.ROWS, _check_rows(evidence)),
        (GateCode.SCORES, _check_scores(evidence)),
        *_check_purpose(evidence),
        (GateCode.PROVENANCE, _check_provenance(evidence)),
        *([] if evidence.comparison is None else _check_comparison(evidence.comparison)),
    ]
    failed = [(code, FAILED + sentence) for code, (ok, sentence) in checks if not ok]
    passed = [(code, PASSED + sentence) for code, (ok, sentence) in checks if ok]
    notes = [(code, NOTE + sentence) for code, sentence in _notes(evidence)]
    codes, reasons = zip(*failed, *passed, *notes, strict=True)
    return Gate(not failed, reasons, codes)


def has_skill(metrics: Metrics) -> bool:
    """Return whether the model is shown to be better than the best naive guess."""
    return metrics.skill is not None and metrics.skill.low > 0


def beats_champion(comparison: Comparison) -> bool:
    """Return whether the candidate is shown to be better than the version that serves."""
    return comparison.lowest is not None and comparison.lowest > 0


def refreshes_champion(comparison: Comparison) -> bool:
    """Return whether the candidate is shown to be no worse, but for a margin, than a version that
    serves and is out of date."""
    lowest = comparison.lowest
    return comparison.stale is not None and lowest is not None and lowest > -comparison.margin


def best_guess(naive: Mapping[str, NaiveMetrics]) -> str:
    """The name of the naive guess with the smallest MAE."""
    return min(naive, key=lambda name: naive[name].mae)


def name_guess(name: str, of: str | None = None) -> str:
    """A naive guess in a sentence.

    >>> name_guess("recent_mean"), name_guess("category_mean", "lang"), name_guess("heuristic")
    ('always guessing the recent mean', "guessing the mean of each 'lang'", 'the heuristic')
    """
    if name == CATEGORY_MEAN:
        return f"guessing the mean of each '{of}'"
    return "the heuristic" if name == HEURISTIC else f"always guessing the {name.replace('_', ' ')}"


def name_picker(name: str, of: str | None = None) -> str:
    """A naive picker in a sentence.

    >>> name_picker("random"), name_picker("best_category", "model"), name_picker("heuristic")
    ('a random pick', "always the best 'model'", 'the heuristic')
    """
    if name == BEST_CATEGORY:
        return f"always the best '{of}'"
    if name == LONGEST:
        return f"always the largest '{of}'" if of != "text" else "always the longest text"
    return "the heuristic" if name == HEURISTIC else "a random pick"


def _check_rows(evidence: Evidence) -> tuple[bool, str]:
    if evidence.n_holdout < MIN_HOLDOUT:
        return False, (
            f"only {evidence.n_holdout} rows were held out, and a verdict needs {MIN_HOLDOUT}: "
            "collect more rows."
        )
    return (
        True,
        f"{evidence.n_holdout:,} rows were held out; the intervals rest on {evidence.basis}.",
    )


def _check_scores(evidence: Evidence) -> tuple[bool, str]:
    if evidence.n_not_finite:
        return False, (
            f"{evidence.n_not_finite} of {evidence.n_holdout} scores are no numbers: the recipe "
            "cannot score every row."
        )
    if evidence.spread <= 1e-9:
        return False, "the score is the same for every row."
    return True, f"every score is a number, and they vary by {text.figure(evidence.spread)} points."


def _check_purpose(evidence: Evidence) -> list[tuple[GateCode, tuple[bool, str]]]:
    if evidence.purpose == PICK:
        return [(GateCode.PICKS, _check_picks(evidence.picks))]
    return [
        (GateCode.SKILL, _check_skill(evidence)),
        (GateCode.CONSTANT_BASELINE, _check_constant(evidence)),
    ]


def _check_picks(picks: Picks | None) -> tuple[bool, str]:
    if picks is None or picks.advantage is None or picks.gap_recovered is None:
        return False, "the holdout has no two groups with a best candidate: nothing can be picked."
    name = best_picker(picks.naive)
    naive = picks.naive[name]
    figures = (
        f"the score's pick recovers {text.percent_interval(picks.gap_recovered)} of the gap "
        f"between a random pick and the best, {name_picker(name, naive.of)} recovers "
        f"{text.percent(naive.gap_recovered or 0.0)}: difference "
        f"{text.percent_interval(picks.advantage)} on {picks.n_groups:,} groups"
    )
    if picks.advantage.low > 0:
        return True, figures + "."
    return False, f"{figures}. The lower limit of the difference has to be above 0."


def _check_skill(evidence: Evidence) -> tuple[bool, str]:
    skill, mae = evidence.metrics.skill, evidence.metrics.mae
    name = best_guess(evidence.naive)
    guess = name_guess(name, evidence.naive[name].of)
    if skill is None:
        return False, (f"{guess} makes no error on the holdout, so that no model can be better.")
    ours, theirs = text.figures_apart(mae.value, evidence.naive[name].mae)
    figures = (
        f"skill is {text.percent(skill.value)} "
        f"({text.interval_by(evidence.basis, skill, 1, 100, ' %')}): "
        f"MAE {ours} against {theirs} for {guess}"
    )
    if skill.low > 0:
        return True, figures + "."
    verdict = "It is worse" if is_worse(evidence.metrics) else "The lower limit has to be above 0"
    return False, f"{figures}. {verdict}: {explain_no_skill(evidence)}.{_name_columns(evidence)}"


def explain_no_skill(evidence: Evidence) -> str:
    """Return why the model is not shown to be better than the best naive guess, as a clause."""
    name = best_guess(evidence.naive)
    beside = BesideGuess(
        evidence.metrics,
        name,
        evidence.objective,
        len(evidence.columns),
        len(evidence.related),
        evidence.n_holdout,
        evidence.basis,
    )
    return describe_shortfall(beside, name_guess(name, evidence.naive[name].of))


def _name_columns(evidence: Evidence) -> str:
    rest = [name for name in evidence.columns if name not in set(evidence.related)]
    related = text.names(evidence.related)
    return (f" Related by themselves: {related}." if related else "") + (
        f" Not related by themselves: {text.names(rest)}." if rest else ""
    )


def _check_constant(evidence: Evidence) -> tuple[bool, str]:
    constants = {name: evidence.naive[name] for name in ("mean", "median")}
    name = best_guess(constants)
    mae, constant = evidence.metrics.mae.value, constants[name].mae
    ours, theirs = text.figures_apart(mae, constant)
    figures = f"MAE {ours} against {theirs} for the best constant, the {name}"
    if mae < constant:
        return True, figures + " of the training rows."
    than = "no better" if mae == constant else "worse"
    return False, f"{figures} of the training rows: the model is {than} than no model."


def _check_provenance(evidence: Evidence) -> tuple[bool, str]:
    if evidence.n_synthetic and not evidence.synthetic:
        return False, (
            f"{evidence.n_synthetic} of {evidence.n_holdout} holdout rows are generated, and "
            "generated rows say nothing about real work."
        )
    if evidence.synthetic:
        return True, "all rows are generated ones, of the same source."
    return True, "no generated row is in the evaluation."


def _check_doubts(sentences: Sequence[str], none: str) -> tuple[bool, str]:
    if not sentences:
        return True, none
    more = len(sentences) - _SHOWN_LEAKS
    return False, " ".join(sentences[:_SHOWN_LEAKS]) + (
        f" And {more} more columns." if more > 0 else ""
    )


def _check_comparison(comparison: Comparison) -> list[tuple[GateCode, tuple[bool, str]]]:
    checks = [(GateCode.CHAMPION, _check_champion(comparison))]
    if comparison.n_segments:
        checks.append((GateCode.SEGMENTS, _check_segments(comparison)))
    return checks


def _check_segments(comparison: Comparison) -> tuple[bool, str]:
    name = version_name(comparison.version)
    if not comparison.worse:
        return True, (
            f"in none of {comparison.n_segments} segments of at least 5 % of the rows is it shown "
            f"to be worse than {name} (Holm, 5 %)."
        )
    return False, f"worse than {name} {'; '.join(comparison.worse)} (Holm, 5 %)."


def _check_champion(comparison: Comparison) -> tuple[bool, str]:
    name = f"{version_name(comparison.version)}, the champion"
    if comparison.advantage is not None:
        return _check_pick_advantage(comparison, comparison.advantage)
    improvement, lowest = comparison.improvement, comparison.lowest
    if comparison.problem or improvement is None or lowest is None or comparison.mae is None:
        why = comparison.problem or "the rows are too few"
        return False, f"not compared with {name}: {why}."
    figures = (
        f"on {comparison.n_compared:,} rows new to both, the MAE of {name}, is "
        f"{text.figure(comparison.mae.value)}, and this version's is "
        f"{text.figure(abs(improvement.value))} "
        f"{'smaller' if improvement.value >= 0 else 'larger'} "
        f"(improvement, {text.interval_by(comparison.basis, improvement)}; at least "
        f"{text.figure(lowest)} but for the chance of "
        f"{text.percent(comparison.alpha or 0)} that this gate spends)"
    )
    if beats_champion(comparison):
        return True, figures + "."
    if comparison.stale is None:
        return False, f"{figures}. That has to be above 0."
    wanted = f"above {text.figure(-comparison.margin)}, since {comparison.stale}"
    if refreshes_champion(comparison):
        return True, f"{figures}. It only has to be {wanted}."
    return False, f"{figures}. That has to be {wanted}."


def _check_pick_advantage(comparison: Comparison, advantage: Estimate) -> tuple[bool, str]:
    figures = (
        f"on {comparison.n_compared:,} rows new to both, the pick of this version recovers "
        f"{text.percent_interval(advantage)} more of the gap than that of "
        f"{version_name(comparison.version)}, the champion; at least "
        f"{text.percent(comparison.lowest)} but for the chance of "
        f"{text.percent(comparison.alpha or 0)} that this gate spends"
    )
    if beats_champion(comparison):
        return True, figures + "."
    return False, f"{figures}. That has to be above 0."


def _notes(evidence: Evidence) -> Iterator[tuple[GateCode, str]]:
    comparison = evidence.comparison
    for override in evidence.doubts.overridden:
        yield GateCode.OVERRIDDEN, f"overridden by a person: {override}."
    if evidence.synthetic:
        yield (
            GateCode.SYNTHETIC,
            "trained and evaluated on demo data: the figures describe the generator, not real "
            "work.",
        )
    unsuited = describe_tolerance(evidence.metrics, evidence.naive, evidence.tolerance)
    if unsuited:
        yield GateCode.TOLERANCE, unsuited
    if comparison is None:
        yield (
            GateCode.NO_CHAMPION,
            "no version serves yet, so that there was none to compare with.",
        )
    elif comparison.n_left_out:
        yield (
            GateCode.ROWS_LEFT_OUT,
            f"{comparison.n_left_out:,} holdout rows were left out of the comparison, because "
            f"{version_name(comparison.version)} has trained on them.",
        )
    if comparison is not None and comparison.doubt:
        yield GateCode.DOUBT, comparison.doubt


YEAR = timedelta(days=365)
YEARLY_ALPHA = 0.2
"""Of any 365 days: so many promotions of versions that are no better, on average, at most. Half a
year of weekly retrainings then promotes an equal model 0.1 times; by point estimates it would be
three times."""

GATE_ALPHA = YEARLY_ALPHA / 52
LOWEST_ALPHA = 0.0004  # below, nobody knows the tails of few blocks
_SHARE_OF_REST = 0.1


def choose_alpha(spent: float) -> float:
    """Return the alpha of the next gate, with `spent` in the 365 days before it: a week's part, or
    a tenth of the rest if that is less, so that daily trainings get stricter gates, not more false
    promotions. Raises `Refused` if next to nothing is left.

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
