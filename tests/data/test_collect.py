"""Collecting: all of a file or nothing, each row once, and every row accounted for."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data.collect import add_demo, add_rows, import_file
from core.data.context import CollectContext
from core.data.quality.overview import describe_data
from core.data.sources.files import plan_file, read_file
from core.domain.sample import ColumnMapping, Provenance
from core.errors import Cancelled, Incomplete, InvalidInput, OpsError
from core.settings import Scale
from core.store.data import samples as sample_rows
from core.store.engine.database import Database
from tests.data.conftest import NOON, Importer, rows_as_csv

PERCENT = Scale(0, 100)


def _rows(n: int, start: int = 0) -> list[dict[str, object]]:
    return [{"a": i, "model": "xy"[i % 2], "score": i % 101} for i in range(start, start + n)]


def _refusal(importer: Importer, path: Path, **named: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        importer(path, **named)  # type: ignore[arg-type]
    assert importer.samples() == []
    return str(caught.value)


def test_a_file_is_imported_with_who_when_and_how(write, importer: Importer) -> None:
    collection = importer(write("work.csv", rows_as_csv(_rows(50))))
    assert (collection.source, collection.started_by) == ("file:work.csv", "ada")
    assert (collection.started_at, collection.finished_at) == (NOON, NOON)
    assert (collection.n_received, collection.n_new) == (50, 50)
    assert (collection.n_duplicate, collection.n_rejected, collection.error) == (0, 0, None)
    assert collection.mapping["target"] == "score"
    assert {sample.provenance for sample in importer.samples()} == {Provenance.REAL}


def test_importing_a_file_twice_adds_nothing(write, importer: Importer) -> None:
    path = write("work.csv", rows_as_csv(_rows(50)))
    importer(path)
    again = importer(path)
    assert (again.n_received, again.n_new, again.n_duplicate) == (50, 0, 50)
    assert len(importer.samples()) == 50


def test_equal_rows_count_once_whatever_file_and_format_they_come_in(
    write, importer: Importer
) -> None:
    importer(write("work.csv", rows_as_csv(_rows(30))))
    again = importer(write("other.json", json.dumps(_rows(40))), target="score")
    assert (again.n_new, again.n_duplicate) == (10, 30)


def test_rows_that_stand_twice_in_a_file_count_once(write, importer: Importer) -> None:
    rows = _rows(2500)
    collection = importer(write("work.csv", rows_as_csv([*rows, *rows[:700]])))
    assert (collection.n_received, collection.n_new, collection.n_duplicate) == (3200, 2500, 700)


def test_every_row_is_new_a_duplicate_or_rejected(write, importer: Importer) -> None:
    text = rows_as_csv([*_rows(40), *_rows(5)]) + "1,x\n1,x,bad\n1,x,\n1,x,101\n"
    collection = importer(write("work.csv", text))
    assert (collection.n_received, collection.n_new, collection.n_duplicate) == (49, 40, 5)
    assert collection.n_rejected == 4
    assert [(r.row, r.code) for r in collection.rejected] == [
        (46, "wrong_value_count"),
        (47, "target_not_a_number"),
        (48, "target_missing"),
        (49, "target_out_of_scale"),
    ]


def test_only_the_first_thousand_rejections_are_kept_and_all_are_counted(
    write, importer: Importer
) -> None:
    text = rows_as_csv(_rows(3000)) + "1,x,\n" * 2500
    collection = importer(write("work.csv", text), accept_rejects=True)
    assert (collection.n_rejected, len(collection.rejected)) == (2500, 1000)


def test_a_target_that_is_text_fails_the_import_with_the_reason(write, importer) -> None:
    path = write("work.csv", "a,score\n" + "1,good\n2,bad\n" * 30)
    assert _refusal(importer, path, target="score") == (
        "None of the 60 rows of 'work.csv' could be taken. Row 1: target 'score': 'good' is not a "
        "number; the same goes for 59 more."
    )


def test_a_target_on_another_scale_fails_the_import_with_the_setting_to_change(
    write, importer
) -> None:
    path = write("hire.csv", "a,count\n" + "".join(f"{i},{900 + i}\n" for i in range(40)))
    assert _refusal(importer, path, target="count") == (
        "None of the 40 rows of 'hire.csv' could be taken. Row 1: target 'count': is 900, outside "
        "the scale 0 to 100: set PLUMBLINE_SCALE to the scale of the target; the same goes for 39 "
        "more."
    )
    assert importer(path, scale=Scale(0, 1000), target="count").n_new == 40


def test_times_in_doubt_fail_the_import_with_a_hint(write, importer) -> None:
    path = write("work.csv", "date,a,score\n" + "01/02/2026,1,5\n" * 10)
    assert "'01/02/2026' may be day/month or month/day: write times as 2026-02-01" in (
        _refusal(importer, path)
    )


def test_the_most_common_reason_is_the_one_given(write, importer) -> None:
    path = write("work.csv", "a,score\n1,\n" + "1,bad\n" * 5)
    message = _refusal(importer, path, target="score")
    assert "Row 2: target 'score': 'bad' is not a number; the same goes for 4 more." in message
    assert message.endswith("The other 1 have other reasons.")


def test_a_failed_import_says_why_and_leaves_nothing_visible(write, importer: Importer) -> None:
    rows = rows_as_csv(_rows(4000))
    path = write("work.csv", rows.encode() + "привет,1,2\n".encode("cp1251"))
    with pytest.raises(InvalidInput, match=r"Line 4002 of 'work\.csv' is not UTF-8"):
        importer(path)
    assert importer.samples() == []
    assert describe_data(importer.db).n_rows == 0


def test_a_cancelled_import_is_kept_as_failed_and_can_be_repeated(
    write, importer: Importer
) -> None:
    path = write("work.csv", rows_as_csv(_rows(6000)))
    mapping = ColumnMapping("score")

    def cancel_late(share: float, message: str) -> None:
        if share > 0.5:
            raise Cancelled("Cancelled by ada.")

    with pytest.raises(Cancelled):
        import_file(
            CollectContext(importer.db, PERCENT, "ada", lambda: NOON, cancel_late),
            path,
            mapping,
            name="work.csv",
            limit_bytes=10**9,
        )
    assert importer.samples() == []
    (failed,) = describe_data(importer.db).collections
    assert (failed.error, failed.finished_at) == ("Cancelled by ada.", None)
    assert importer(path).n_new == 6000


def test_a_corrected_row_takes_over_from_the_one_with_its_id(write, importer: Importer) -> None:
    importer(write("work.csv", "id,a,score\nr1,1,50\nr2,2,60\n"))
    importer(write("work.csv", "id,a,score\nr1,1,55\nr3,3,70\n"))
    samples = {sample.external_id: sample.target for sample in importer.samples()}
    assert samples == {"r1": 55.0, "r2": 60.0, "r3": 70.0}


def test_choosing_other_columns_of_a_file_replaces_what_it_gave_before(
    write, importer: Importer
) -> None:
    rows = [
        {"a": i, "leak": i % 7, "gap": 1 if i % 3 == 0 else None, "score": i} for i in range(60)
    ]
    path = write("work.csv", rows_as_csv(rows))
    importer(path, ColumnMapping("leak"))
    again = importer(path, ColumnMapping("score", ignored=("leak",)))
    assert (again.n_received, again.n_new) == (60, 60)
    assert "60 earlier rows, read with other columns, replaced" in importer.progress[-2][1]
    assert sorted(sample.target for sample in importer.samples()) == list(range(60))
    once_more = importer(path, ColumnMapping("score", ignored=("leak", "gap")))
    assert (once_more.n_new, once_more.n_duplicate) == (20, 40)  # 40 rows have no gap to ignore
    assert [sample.features.keys() - {"a", "gap"} for sample in importer.samples()] == [set()] * 60
    assert {sample.features.get("gap") for sample in importer.samples()} == {None}
    back = importer(path, ColumnMapping("leak"))
    assert (back.n_new, len(importer.samples())) == (60, 60)


def test_a_failed_import_with_other_columns_replaces_nothing(write, importer: Importer) -> None:
    path = write("work.csv", rows_as_csv(_rows(60)))
    importer(path, ColumnMapping("score"))
    with pytest.raises(InvalidInput):
        importer(path, ColumnMapping("model"))
    assert len(importer.samples()) == 60
    assert {sample.target for sample in importer.samples()} == set(map(float, range(60)))


def test_more_rows_of_a_file_with_the_same_columns_are_added(write, importer: Importer) -> None:
    importer(write("work.csv", rows_as_csv(_rows(20))), ColumnMapping("score"))
    importer(write("work.csv", rows_as_csv(_rows(20, 20))), ColumnMapping("score"))
    assert len(importer.samples()) == 40


def test_another_file_is_never_replaced(write, importer: Importer) -> None:
    importer(write("work.csv", rows_as_csv(_rows(20))), ColumnMapping("score"))
    importer(write("more.csv", rows_as_csv(_rows(20, 20))), ColumnMapping("a"))
    assert len(importer.samples()) == 40


def test_choosing_when_labels_came_replaces_the_rows_that_do_not_say_it(
    write, importer: Importer
) -> None:
    path = write("work.csv", "at,rated,a,score\n2026-02-01,2026-02-05,1,50\n2026-02-02,,2,60\n")
    importer(path, ColumnMapping("score", timestamp="at", ignored=("rated",)))
    importer(path, timestamp="at", label_timestamp="rated")
    assert [sample.labelled_at for sample in importer.samples()] == [
        datetime(2026, 2, 5, tzinfo=UTC),
        None,
    ]


def test_labels_from_before_the_work_are_an_issue(write, importer: Importer) -> None:
    importer(
        write("work.csv", "at,rated,a,score\n2026-02-01,2026-01-05,1,50\n2026-02-02,,2,60\n"),
        timestamp="at",
        label_timestamp="rated",
    )
    issues = {issue.code: issue.n_rows for issue in describe_data(importer.db).issues}
    assert issues["label_before_row"] == 1


def test_a_column_whose_values_repeat_cannot_be_the_id(write, importer: Importer) -> None:
    rows = [{"question": i % 8, "a": i, "score": i} for i in range(80)]
    path = write("work.csv", rows_as_csv(rows))
    assert _refusal(importer, path, id="question", target="score") == (
        "Column 'question' of 'work.csv' cannot be the id: 72 of 80 rows repeat one, and would "
        "count as corrections of each other. Choose it as the group, or name no id."
    )


def test_columns_of_lists_are_left_out_and_that_is_kept(write, importer: Importer) -> None:
    rows = [{"a": i, "tags": ["x"], "score": i} for i in range(5)]
    collection = importer(write("work.json", json.dumps(rows)), ColumnMapping("score"))
    assert collection.n_new == 5
    assert "holds lists or objects" in str(collection.mapping["left_out"])
    assert importer.samples()[0].features.keys() == {"a"}


def test_a_thousand_columns_are_imported(write, importer: Importer) -> None:
    frame = pd.DataFrame(np.arange(12_000).reshape(12, 1000)).add_prefix("c")
    frame["score"] = range(12)
    collection = importer(write("wide.csv", frame.to_csv(index=False)))
    assert collection.n_new == 12
    assert len(importer.samples()[0].features) == 1000


def test_messages_name_the_file_as_its_owner_does(write, importer: Importer) -> None:
    path = write("6f1c.csv", "a,score\n1,x\n")
    with pytest.raises(InvalidInput, match=r"rows of 'ratings\.csv' could be taken"):
        importer(path, ColumnMapping("score"), name="ratings.csv")
    with pytest.raises(InvalidInput, match=r"'ratings\.csv' has no column 'nope'"):
        importer(path, ColumnMapping("nope"), name="ratings.csv")


def test_a_file_above_the_limit_is_refused(write, importer: Importer) -> None:
    path = write("work.csv", rows_as_csv(_rows(50)))
    with pytest.raises(InvalidInput, match="the limit is 0 MB"):
        importer(path, ColumnMapping("score"), limit_bytes=100)


def test_progress_goes_up_in_steps_and_says_what_was_found(write, importer: Importer) -> None:
    importer(write("work.csv", rows_as_csv(_rows(6_000))))
    shares = [share for share, _ in importer.progress]
    assert shares == sorted(shares)
    assert len(shares) <= 100
    assert importer.progress[0][1] == "Learning what the columns hold"
    assert importer.progress[-2:] == [
        (0.9, "6,000 rows read: 6,000 new, 0 there already, 0 rejected"),
        (0.9, "Checking all rows"),
    ]


def test_each_write_is_short(write, importer: Importer, monkeypatch) -> None:
    sizes: list[int] = []
    append = sample_rows.append_samples

    def count(conn, collection_id, samples):  # type: ignore[no-untyped-def]
        sizes.append(len(samples))
        return append(conn, collection_id, samples)

    monkeypatch.setattr(sample_rows, "append_samples", count)
    importer(write("work.csv", rows_as_csv(_rows(5000))))
    assert sizes == [2000, 2000, 1000]


def test_an_import_is_followed_by_checks(write, importer: Importer) -> None:
    importer(write("work.csv", rows_as_csv(_rows(20))))
    summary = describe_data(importer.db)
    assert summary.quality is not None
    assert "too_few_rows" in [issue.code for issue in summary.issues]


@pytest.mark.slow  # 24,000 rows under tracemalloc
def test_reading_a_large_file_needs_no_more_memory_than_a_small_one(write) -> None:
    def peak(n: int) -> int:
        path = write(f"{n}.csv", rows_as_csv(_rows(n)))
        tracemalloc.start()
        plan = plan_file(path, ColumnMapping("score"), lambda share: None)
        for _ in read_file(path, plan, "file", Provenance.REAL, PERCENT):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    assert peak(20_000) < 1.5 * peak(4_000)


def test_demo_rows_are_marked_and_the_best_mae_is_told(db: Database) -> None:
    collection, best_mae = add_demo(
        CollectContext(db, PERCENT, "ada", lambda: NOON, lambda *_: None), 2500, 3
    )
    assert (collection.source, collection.n_new) == ("demo", 2500)
    assert collection.mapping == {"n_rows": 2500, "seed": 3, "best_mae": best_mae}
    summary = describe_data(db)
    assert (summary.n_rows, summary.n_synthetic) == (2500, 2500)


def test_demo_rows_of_one_seed_replace_those_of_before(db: Database) -> None:
    for days in (0, 1):
        add_demo(
            CollectContext(
                db, PERCENT, "ada", lambda days=days: NOON + timedelta(days=days), lambda *_: None
            ),
            300,
            3,
        )
    assert describe_data(db).n_rows == 300


def _add(db: Database, rows: list[dict[str, object]]):  # type: ignore[no-untyped-def]
    return add_rows(db, rows, source="api", by="key:ci", now=NOON, scale=PERCENT)


def test_rows_of_the_api_are_added_and_accounted_for(db: Database) -> None:
    good = [{"features": {"a": i}, "target": i} for i in range(3)]
    collection = _add(db, [*good, good[0], {"features": {"a": 1}, "target": 500}])
    assert (collection.n_received, collection.n_new, collection.n_duplicate) == (5, 3, 1)
    assert [(r.row, r.code) for r in collection.rejected] == [(5, "target_out_of_scale")]
    assert describe_data(db).by_source == {"api": 3}


def test_rows_of_the_api_that_are_all_wrong_are_an_answer_and_no_error(db: Database) -> None:
    collection = _add(db, [{"target": 1}])
    assert (collection.n_new, collection.n_rejected, collection.error) == (0, 1, None)
    assert _add(db, []).n_received == 0


def test_many_rows_of_the_api_are_written_in_pieces(db: Database) -> None:
    rows = [{"features": {"a": i}, "target": i % 100} for i in range(4500)]
    assert _add(db, [*rows, {"target": 1}]).n_new == 4500
    assert _add(db, rows).n_duplicate == 4500


@pytest.mark.slow
def test_a_file_of_200_mb_is_imported(write, importer: Importer, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    line = ",".join(["0.123456789"] * 60)
    with path.open("w") as file:
        file.write(",".join(f"c{i}" for i in range(60)) + ",n,score\n")
        file.writelines(f"{line},{i},{i % 100}\n" for i in range(280_000))
    assert path.stat().st_size > 200_000_000
    assert importer(path, ColumnMapping("score")).n_new == 280_000


def test_every_refusal_is_one_sentence_for_an_operator(write, importer: Importer) -> None:
    for name, content in {
        "a.csv": "",
        "b.csv": "1,1\n1,2\n",
        "c.json": "{",
        "d.parquet": "x",
        "e.csv": "a,__key__,score\n1,2,3\n",
    }.items():
        with pytest.raises(OpsError) as caught:
            importer(write(name, content))
        assert str(caught.value).endswith(".")
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (["01/02/2026 8:30", "16/02/2026 17:24:00", "02/03/2026"], "2026-02-01T08:30:00+00:00"),
        (["01/02/26", "02/16/26", "03/02/26"], "2026-01-02T00:00:00+00:00"),
        (["01.02.2026", "16.02.2026", "02.03.2026"], "2026-02-01T00:00:00+00:00"),
    ],
    ids=["day first", "month first", "dots"],
)
def test_a_day_and_a_month_are_read_where_the_file_says_which_is_first(
    importer: Importer, write: object, times: list[str], first: str
) -> None:
    rows = [{"at": at, "a": n, "score": 50 + n} for n, at in enumerate(times)]
    path = write("t.csv", rows_as_csv(rows))  # type: ignore[operator]
    importer(path, ColumnMapping("score", timestamp="at"))
    read = [sample.at for sample in importer.samples()]
    assert None not in read
    assert first in [at.isoformat() for at in read if at is not None]


def test_a_day_and_a_month_in_both_orders_are_refused_row_by_row(
    importer: Importer, write: object
) -> None:
    times = ["16/02/2026", "02/16/2026", "2026-03-01"]
    rows = [{"at": at, "a": n, "score": 50 + n} for n, at in enumerate(times)]
    path = write("t.csv", rows_as_csv(rows))  # type: ignore[operator]
    mapping = ColumnMapping("score", timestamp="at")
    collection = importer(path, mapping, accept_rejects=True)
    assert [rejection.code for rejection in collection.rejected] == ["ambiguous_time"] * 2


def test_an_import_that_loses_more_than_a_fifth_is_not_done_unless_somebody_accepts(
    write, importer: Importer
) -> None:
    path = write("tenths.csv", "a,score\n" + "".join(f"{i},{4 * i}\n" for i in range(50)))
    with pytest.raises(Incomplete) as refused:
        importer(path)
    assert str(refused.value).startswith(
        "24 of the 50 rows of 'tenths.csv' cannot be taken (48%; more than 20% is too much), so "
        "that nothing was imported. Row 27: target 'score': is 104, outside the scale 0 to 100"
    )
    (problem,) = refused.value.result["problems"]
    assert (problem["code"], problem["n_rows"], bool(problem["remedy"])) == (
        "out_of_range", 24, True,
    )  # fmt: skip
    assert importer.samples() == []
    assert importer(path, accept_rejects=True).n_new == 26


def test_an_import_that_loses_a_fifth_is_done(write, importer: Importer) -> None:
    path = write("some.csv", "a,score\n" + "".join(f"{i},{i * 2.5}\n" for i in range(51)))
    assert importer(path).n_rejected == 10


def test_rows_that_differ_in_an_ignored_column_only_stay_apart(write, importer: Importer) -> None:
    rows = [{"who": f"p{i}", "a": i % 2, "score": i % 3} for i in range(30)]
    path = write("survey.csv", rows_as_csv(rows))
    mapping = ColumnMapping("score", ignored=("who",))
    first = importer(path, mapping)
    assert (first.n_new, first.n_duplicate, len(importer.samples())) == (30, 0, 30)
    assert importer(path, mapping).n_duplicate == 30
    more = write("survey.csv", rows_as_csv([*rows, rows[3], {"who": "p30", "a": 0, "score": 0}]))
    again = importer(more, mapping)
    assert (again.n_new, again.n_duplicate) == (1, 31)


def test_rows_that_are_equal_in_every_column_are_one(write, importer: Importer) -> None:
    path = write("survey.csv", "who,a,score\n" + "p,1,2\n" * 20 + "q,1,3\n")
    collection = importer(path, ColumnMapping("score", ignored=("who",)))
    assert (collection.n_new, collection.n_duplicate) == (2, 19)
