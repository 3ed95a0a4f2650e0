"""A table mapping: which column of a database table is the target, the time, the key, the text."""

from dataclasses import dataclass

_METRICS = (
    "codeQuality",
    "testCoverage",
    "security",
    "performance",
    "maintainability",
    "complexity",
)


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Columns as they stand in the table; `metadata.codeQuality` is a value inside a JSON column.
    A target from `target_low` to `target_high` is stretched to the scale of the settings; without
    these it is taken as it is."""

    table: str
    target: str
    key: str = "id"
    timestamp: str | None = "created_at"  # when the work was made; None where nothing says so
    changed: str | None = None  # when the row was last written, where something says so
    target_low: float | None = None
    target_high: float | None = None
    text: str | None = None
    group: str | None = None
    features: tuple[str, ...] = ()
    optional_features: tuple[str, ...] = ()  # taken where the table has them
    label_timestamp: str | None = None  # when the target was known, where that was later

    @property
    def source(self) -> str:
        """The name of the source of its samples.

        >>> TableMapping("ratings", target="stars").source
        'supabase:ratings'
        """
        return f"supabase:{self.table}"

    @property
    def order(self) -> str | None:
        """The column of times along which the table is read, None where there is none."""
        return self.changed or self.timestamp


def _metrics(column: str) -> tuple[str, ...]:
    return tuple(f"{column}.{name}" for name in _METRICS)


ORIGIN_TABLES: tuple[TableMapping, ...] = (
    TableMapping(
        "ai_gm_explanations",
        target="quality_score",
        target_low=0.0,
        target_high=1.0,
        group="scenario_id",
        optional_features=("provider", "model", "action_type", *_metrics("metadata")),
    ),
    TableMapping(
        "ai_gm_quality_feedback",
        target="quality_rating",
        target_low=0.0,
        target_high=1.0,
        group="session_id",
        text="feedback_text",
        optional_features=("provider", "model", "action_type"),
    ),
    TableMapping(
        "ai_gm_ab_testing",
        target="user_rating",
        target_low=0.0,
        target_high=1.0,
        optional_features=("experiment_name", "variant", "provider", "model", "action_type"),
    ),
)
"""The tables that are looked for without being asked for. What a person said of the work (a rating,
a satisfaction) is the target of its row and therefore not also a feature; what another model had
predicted of it is left out."""
