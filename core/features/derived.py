"""The six derived features: ratios, differences and means of the base features of the same row.

They are the derived features of the quality predictor that this program operates, kept so that its
models can be compared. Metrics are 0..100, csat is 0..1. What any of a formula's inputs lacks, the
feature lacks: nothing is filled in here."""

from core.domain.feature import CSAT, WEIGHTS
from core.features.formula import Formula, Number, divide


def weigh(
    quality: Number,
    coverage: Number,
    security: Number,
    performance: Number,
    maintainability: Number,
    complexity: Number,
) -> Number:
    """The weighted quality score, 0..100: .25 quality + .20 coverage + .20 security + .15
    performance + .15 maintainability + .05 (100 - complexity), by `core.domain.feature.WEIGHTS`.

    >>> round(weigh(80.0, 60.0, 70.0, 90.0, 50.0, 40.0), 9)
    70.0
    """
    return (
        WEIGHTS["codeQuality"] * quality
        + WEIGHTS["testCoverage"] * coverage
        + WEIGHTS["security"] * security
        + WEIGHTS["performance"] * performance
        + WEIGHTS["maintainability"] * maintainability
        + WEIGHTS["complexity"] * (100.0 - complexity)
    )


def average_health(
    coverage: Number, security: Number, performance: Number, maintainability: Number
) -> Number:
    """The plain mean, 0..100, of the four metrics that say how the work will live on.

    >>> average_health(60.0, 70.0, 90.0, 50.0)
    67.5
    """
    return (coverage + security + performance + maintainability) / 4.0


def gap(security: Number, performance: Number) -> Number:
    """|security - performance|, 0..100: how one-sided the work is.

    >>> gap(70.0, 90.0)
    20.0
    """
    return abs(security - performance)


def multiply(quality: Number, csat: Number) -> Number:
    """quality x csat, 0..100: quality that its users also noticed. csat is read as the row brings
    it. Where it is only known after the work was rated, it gives the target away in training and
    is missing in serving: the data checks warn of such a column, and leaving csat out leaves this
    feature out too.

    >>> multiply(80.0, 0.5)
    40.0
    """
    return quality * csat


FORMULAS = (
    Formula("weighted_quality", "weighted_quality", tuple(WEIGHTS), weigh),
    Formula(
        "health_mean",
        "health_mean",
        ("testCoverage", "security", "performance", "maintainability"),
        average_health,
    ),
    Formula(
        "quality_per_complexity", "quality_per_complexity", ("codeQuality", "complexity"), divide
    ),
    Formula(
        "coverage_per_complexity", "coverage_per_complexity", ("testCoverage", "complexity"), divide
    ),
    Formula(
        "security_performance_gap", "security_performance_gap", ("security", "performance"), gap
    ),
    Formula("quality_times_csat", "quality_times_csat", ("codeQuality", CSAT), multiply),
)
