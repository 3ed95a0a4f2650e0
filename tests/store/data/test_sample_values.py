"""Samples as rows: a key by what a row says, and many together exactly as each alone."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.sample import Provenance, Sample, SampleColumns
from core.store.data.sample_values import COLUMNS, build_rows, find_key
from core.store.engine.types import to_micros
from tests.store.keys import sample_key

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _sample(number: float = 1.0, **known: object) -> Sample:
    given: dict[str, object] = {
        "source": "file:a",
        "provenance": Provenance.REAL,
        "features": {"a": number, "b": "x", "c": None},
        "target": 50.0,
    }
    return Sample(**{**given, **known})  # type: ignore[arg-type]


def test_the_key_is_of_what_a_row_says() -> None:
    row = _sample(1.0)
    assert sample_key(row) == sample_key(replace(row, source="file:b"))
    assert sample_key(row) == sample_key(replace(row, provenance=Provenance.FEEDBACK))
    assert sample_key(row) == sample_key(replace(row, features={"b": "x", "a": 1.0}))
    others = [
        replace(row, provenance=Provenance.SYNTHETIC),
        replace(row, features={"a": 1.0}),
        replace(row, features={"a": "1.0", "b": "x"}),
        replace(row, target=50.5),
        replace(row, at=NOON),
        replace(row, text="t"),
        replace(row, group="t"),
        replace(row, external_id="t"),
    ]
    assert len({sample_key(other) for other in [row, *others]}) == 9


_FEATURES = st.dictionaries(
    st.text(max_size=3), st.one_of(st.none(), st.floats(-9, 9), st.text(max_size=3)), max_size=3
)


@settings(deadline=None, derandomize=True, database=None)
@given(_FEATURES, _FEATURES)
def test_keys_are_equal_exactly_where_features_are(
    one: dict[str, float | str | None], other: dict[str, float | str | None]
) -> None:
    def said(features: dict[str, float | str | None]) -> str:
        return repr(sorted((k, v) for k, v in features.items() if v is not None))

    keys = [sample_key(_sample(features=features)) for features in (one, other)]
    assert (keys[0] == keys[1]) == (said(one) == said(other))


def test_the_key_does_not_change_from_release_to_release() -> None:
    row = _sample(1.5, at=NOON, text="é", group="g", external_id="k")
    assert sample_key(row) == "877a8c5566bd50755bc8b5da30b901e09c448cd44677c2193f17d103dbed8b86"


_WORDS = st.text(st.sampled_from('aé%\n"\\\u2028,:s'), max_size=4)
_TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_SAMPLES = st.builds(
    Sample,
    source=st.just("s"),
    provenance=st.sampled_from(Provenance),
    features=st.dictionaries(
        _WORDS, st.none() | st.floats(allow_nan=False, allow_infinity=False) | _WORDS, max_size=3
    ),
    target=st.floats(0, 100),
    at=st.none() | _TIMES,
    text=st.none() | _WORDS,
    group=st.none() | _WORDS,
    external_id=st.none() | _WORDS,
    labelled_at=st.none() | _TIMES,
)


def _write(sample: Sample) -> dict[str, object]:
    """A row written value by value, as the key is defined."""
    features = sample.features
    content: list[object] = [
        sample.provenance is Provenance.SYNTHETIC,
        sample.external_id,
        None if sample.at is None else sample.at.isoformat(),
        sample.group,
        sample.text,
        sample.target,
        [(name, features[name]) for name in sorted(features) if features[name] is not None],
    ]
    if sample.labelled_at is not None and sample.provenance is Provenance.REAL:
        content.append(sample.labelled_at.isoformat())
    return {
        "key": hashlib.sha256(msgspec.json.encode(content)).hexdigest(),
        "collection_id": 7,
        "source": sample.source,
        "provenance": sample.provenance.value,
        "external_id": sample.external_id,
        "at": None if sample.at is None else to_micros(sample.at),
        "group_key": sample.group,
        "target": sample.target,
        "features": msgspec.json.encode(features).decode(),
        "text": sample.text,
        "labelled_at": None if sample.labelled_at is None else to_micros(sample.labelled_at),
    }


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(_SAMPLES, max_size=5))
def test_rows_are_written_together_as_value_by_value(samples: list[Sample]) -> None:
    rows = build_rows(7, SampleColumns.of(samples))
    written = [dict(zip(COLUMNS, (find_key(row[0]), *row[1:]), strict=True)) for row in rows]
    assert written == [_write(sample) for sample in samples]
    assert SampleColumns.of(samples).build() == samples


def test_rows_stand_in_the_order_of_their_times() -> None:
    times = [None, *(datetime(year, 3, 2, tzinfo=UTC) for year in (1900, 1969, 1970, 2026, 2199))]
    rows = build_rows(1, SampleColumns.of([_sample(float(i), at=at) for i, at in enumerate(times)]))
    places = [row[0] for row in rows]
    assert places == sorted(places)
