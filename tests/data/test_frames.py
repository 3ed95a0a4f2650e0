"""Rows as a table, and the hash over what they say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.frames import build_table, hash_rows, list_features
from core.domain.dataset import KEY, RESERVED, SOURCE, TARGET
from core.domain.sample import FeatureValue, Provenance, Sample
from tests.store.keys import sample_key

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _sample(target: float = 50.0, **features: FeatureValue) -> Sample:
    return Sample("file:a", Provenance.REAL, features, target)


def _table(*samples: Sample, piece: int = 100, **options: bool) -> pa.Table:
    keyed = [(sample_key(sample), sample) for sample in samples]
    return build_table((keyed[i : i + piece] for i in range(0, len(keyed), piece)), **options)


def test_a_frame_has_the_reserved_columns_and_the_features_by_name() -> None:
    frame = _table(_sample(b="x", a=1.0), _sample(a=None, b="y")).to_pandas()
    assert list(frame.columns) == [*RESERVED, "a", "b"]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "__key__": "str",
        "__at__": "datetime64[us, UTC]",
        "__target__": "float64",
        "__text__": "str",
        "__group__": "str",
        "__id__": "str",
        "__source__": "str",
        "__provenance__": "str",
        "__labelled_at__": "datetime64[us, UTC]",
        "a": "float64",
        "b": "str",
    }


def test_rows_are_in_the_order_of_time_and_then_of_their_key() -> None:
    rows = [
        Sample("s", Provenance.REAL, {"a": float(i)}, 1.0, at=at)
        for i, at in enumerate([None, NOON, NOON - timedelta(days=1), NOON])
    ]
    frame = _table(*rows).to_pandas()
    assert frame["a"].tolist()[0] == 2.0
    assert frame["a"].tolist()[3] == 0.0
    assert frame[KEY].tolist()[1] < frame[KEY].tolist()[2]


def test_a_feature_without_any_value_is_left_out_unless_asked_for() -> None:
    rows = [_sample(a=1.0, b=None), _sample(a=2.0)]
    assert list_features(_table(*rows)) == ("a",)
    assert list_features(_table(*rows, keep_empty=True)) == ("a", "b")


@pytest.mark.parametrize("piece", [1, 2, 100])
def test_numbers_and_words_in_one_feature_become_words(piece: int) -> None:
    rows = [_sample(1.0, a=4.0), _sample(2.0, a="4o"), _sample(3.0, a=2.5), _sample(4.0)]
    frame = _table(*rows, piece=piece).to_pandas().sort_values(TARGET)
    assert frame["a"].tolist()[:3] == ["4", "4o", "2.5"]
    assert frame["a"].isna().tolist() == [False, False, False, True]


def test_no_rows_make_an_empty_table() -> None:
    table = _table()
    assert (table.num_rows, list_features(table)) == (0, ())
    assert len(hash_rows(table)) == 64


_ROWS = st.lists(
    st.builds(
        Sample,
        source=st.sampled_from(["file:a", "file:b"]),
        provenance=st.sampled_from(list(Provenance)[:2]),
        features=st.dictionaries(
            st.sampled_from("abc"),
            st.one_of(st.none(), st.floats(-5, 5), st.sampled_from(["x", "", "é"])),
        ),
        target=st.floats(0, 100),
        at=st.none() | st.integers(0, 5).map(lambda days: NOON + timedelta(days=days)),
        text=st.none() | st.sampled_from(["", "text", "t\0t"]),
        group=st.none() | st.just("g"),
        external_id=st.none() | st.just("k"),
    ),
    max_size=12,
    unique_by=sample_key,
)


@given(_ROWS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_hash_depends_on_the_rows_and_not_on_order_pieces_or_source(rows, random, n) -> None:
    shuffled = [
        Sample(
            "file:other",
            row.provenance,
            dict(reversed(row.features.items())),
            row.target,
            row.at,
            row.text,
            row.group,
            row.external_id,
        )
        for row in random.sample(rows, len(rows))
    ]
    assert hash_rows(_table(*rows)) == hash_rows(_table(*shuffled, piece=n))


@given(_ROWS.filter(bool))
def test_a_row_less_is_another_hash(rows) -> None:
    assert hash_rows(_table(*rows)) != hash_rows(_table(*rows[1:]))


@pytest.mark.parametrize(
    "other",
    [
        _sample(51.0, a=1.0, b="x"),
        _sample(a=1.0000000000000002, b="x"),
        _sample(a=1.0, b="y"),
        _sample(a=1.0),
        _sample(a=1.0, b="x", c=0.0),
        _sample(a=1.0, c="x"),
        _sample(a="1", b="x"),
        Sample("file:a", Provenance.SYNTHETIC, {"a": 1.0, "b": "x"}, 50.0),
        Sample("file:a", Provenance.REAL, {"a": 1.0, "b": "x"}, 50.0, text="t"),
        Sample("file:a", Provenance.REAL, {"a": 1.0, "b": "x"}, 50.0, group="g"),
        Sample("file:a", Provenance.REAL, {"a": 1.0, "b": "x"}, 50.0, at=NOON),
    ],
)
def test_whatever_a_row_says_is_in_the_hash_even_under_the_same_key(other: Sample) -> None:
    row = _sample(a=1.0, b="x")
    same_key = [build_table([[("key", sample)]]) for sample in (row, other)]
    assert hash_rows(same_key[0]) != hash_rows(same_key[1])


def test_words_that_only_together_are_equal_are_told_apart() -> None:
    rows = [_sample(1.0, a="ab", b="c"), _sample(1.0, a="a", b="bc")]
    tables = [build_table([[("key", row)]]) for row in rows]
    assert hash_rows(tables[0]) != hash_rows(tables[1])


def test_where_a_row_came_from_is_not_in_the_hash() -> None:
    table = _table(_sample(a=1.0))
    place = table.column_names.index(SOURCE)
    moved = table.set_column(place, SOURCE, pa.array(["file:b"], pa.large_string()))
    assert hash_rows(moved) == hash_rows(table)


def test_a_slice_of_a_table_has_the_hash_of_its_rows() -> None:
    rows = [_sample(float(i), a=f"w{i}", b=float(i)) for i in range(6)]
    whole = _table(*rows)
    part = whole.slice(2, 3)
    kept = [row for row in rows if sample_key(row) in part.column(KEY).to_pylist()]
    assert hash_rows(part) == hash_rows(_table(*kept))


def test_the_hash_does_not_change_from_release_to_release() -> None:
    rows = [
        Sample("s", Provenance.REAL, {"a": 1.5, "b": "x"}, 50.0, NOON, "text", "g", "k"),
        Sample("s", Provenance.REAL, {"a": None, "b": "é"}, 0.0),
    ]
    assert hash_rows(build_table([list(zip("kl", rows, strict=True))])) == (
        "93336ff8cb79e3976ca0c2460607205015a144d3406c7903a23ef07ace8f482b"
    )


def test_when_labels_were_known_belongs_to_what_a_snapshot_says() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    plain = Sample("file:a", Provenance.REAL, {"a": 1.0}, 50.0, at=at)
    late = replace(plain, labelled_at=at)
    assert hash_rows(_table(plain)) != hash_rows(_table(late))
    without = _table(plain).drop_columns(["__labelled_at__"])  # as written before
    assert hash_rows(without) == hash_rows(_table(plain))
