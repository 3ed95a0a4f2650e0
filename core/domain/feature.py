"""The features that are known by name: seven base features, and what is made of them."""

from core.domain.snapshot import AT, TEXT

WEIGHTS = {
    "codeQuality": 0.25,
    "testCoverage": 0.20,
    "security": 0.20,
    "performance": 0.15,
    "maintainability": 0.15,
    "complexity": 0.05,
}
"""The base metrics, 0..100, and what each counts; a judgement of what matters in a piece of work,
not fitted to anything. Higher is better in all but `complexity`, of which 100 - value counts."""

CSAT = "csat"  # customer satisfaction, 0..1
BASE = (*WEIGHTS, CSAT)
DERIVED = (
    "weighted_quality",
    "health_mean",
    "quality_per_complexity",
    "coverage_per_complexity",
    "security_performance_gap",
    "quality_times_csat",
)
HISTORICAL = ("past_mean_quality", "past_mean_csat", "past_consistency")
TEMPORAL = ("hour", "weekday", "recency")
ENHANCED = (*BASE, *DERIVED, *HISTORICAL, *TEMPORAL)
"""All nineteen; hour and weekday are two columns each, a sine and a cosine."""

MEAN_QUALITY = "__mean_quality__"  # of this provider and model, points of the scale
MEAN_CSAT = "__mean_csat__"  # the same, 0..1
CONSISTENCY = "__consistency__"  # the same, above 0 up to 1
SEEN_AT = "__seen_at__"  # when its newest known work was made, epoch seconds
HISTORY = (MEAN_QUALITY, MEAN_CSAT, CONSISTENCY, SEEN_AT)
CARRIED = (AT, TEXT, *HISTORY)
"""What a raw row may carry beside its features, for a pipeline that reads it: the time as epoch
seconds, the text, and what was known of its provider and model at that time."""

_SNAKE_CASE = {"codeQuality": "code_quality", "testCoverage": "test_coverage"}


def spell(name: str) -> tuple[str, ...]:
    """The names under which a base feature is known, its own first.

    >>> spell("codeQuality"), spell("csat")
    (('codeQuality', 'code_quality'), ('csat',))
    """
    return (name, _SNAKE_CASE[name]) if name in _SNAKE_CASE else (name,)
