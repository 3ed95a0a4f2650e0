"""Samples as rows, each with a key by what it says."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.sample import Provenance, Sample
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


def test_a_row_keeps_what_a_sample_says() -> None:
    later = datetime(2026, 3, 3, tzinfo=UTC)
    known = {"at": NOON, "text": 'é%"', "group": "g", "external_id": "k", "labelled_at": later}
    (row,) = build_rows(7, [_sample(1.5, **known)])
    assert dict(zip(COLUMNS, (find_key(row[0]), *row[1:]), strict=True)) == {
        "key": sample_key(_sample(1.5, **known)),
        "collection_id": 7,
        "source": "file:a",
        "provenance": "real",
        "external_id": "k",
        "at": to_micros(NOON),
        "group_key": "g",
        "target": 50.0,
        "features": '{"a":1.5,"b":"x","c":null}',
        "text": 'é%"',
        "labelled_at": to_micros(later),
    }


def test_the_time_of_a_label_is_part_of_what_a_real_row_says_and_not_of_a_prediction() -> None:
    later = {"labelled_at": datetime(2026, 3, 3, tzinfo=UTC)}
    assert sample_key(_sample(**later)) != sample_key(_sample())
    fed_back = {"provenance": Provenance.FEEDBACK}
    assert sample_key(_sample(**fed_back, **later)) == sample_key(_sample(**fed_back))


def test_rows_stand_in_the_order_of_their_times() -> None:
    times = [None, *(datetime(year, 3, 2, tzinfo=UTC) for year in (1900, 1969, 1970, 2026, 2199))]
    rows = build_rows(1, [_sample(float(i), at=at) for i, at in enumerate(times)])
    places = [row[0] for row in rows]
    assert places == sorted(places)
