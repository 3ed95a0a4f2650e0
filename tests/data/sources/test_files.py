"""Files: what a preview shows and guesses, and rows as samples from every format alike."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from core.data.sources.files import Piece, plan_file, read_file
from core.data.sources.preview import preview_file
from core.domain.sample import ColumnMapping, Provenance, Sample
from core.errors import InvalidInput
from core.settings import Scale

PERCENT = Scale(0, 100)
ROWS = [
    {"when": f"2026-02-{day:02d}T10:00:00Z", "model": "ab"[day % 2], "words": day * 3, "score": day}
    for day in range(1, 21)
]


def _write_all(tmp_path: Path) -> list[Path]:
    frame = pd.DataFrame(ROWS)
    paths = [tmp_path / name for name in ("a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet")]
    frame.to_csv(paths[0], index=False)
    frame.to_csv(paths[1], index=False, sep="\t")
    paths[2].write_text(json.dumps(ROWS))
    paths[3].write_text("\n".join(map(json.dumps, ROWS)))
    frame.to_parquet(paths[4])
    return paths


def _read(path: Path, mapping: ColumnMapping) -> Iterator[Piece]:
    plan = plan_file(path, mapping, lambda share: None)
    return read_file(path, plan, "file", Provenance.REAL, PERCENT)


def _samples(path: Path, mapping: ColumnMapping) -> list[Sample]:
    pieces = _read(path, mapping)
    return [sample for piece in pieces for sample in piece.samples]


def _refusal(path: Path, limit: int | None = None, name: str | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        preview_file(path, limit, name)
    return str(caught.value)


def test_the_same_rows_in_every_format_are_the_same_samples(tmp_path: Path) -> None:
    paths = _write_all(tmp_path)
    mapping = ColumnMapping("score", timestamp="when")
    expected = _samples(paths[0], mapping)
    assert len(expected) == 20
    assert expected[0].features == {"model": "b", "words": 3.0}
    for path in paths[1:]:
        assert _samples(path, mapping) == expected


def test_the_same_guess_is_made_for_every_format(tmp_path: Path) -> None:
    for path in _write_all(tmp_path):
        preview = preview_file(path)
        assert preview.mapping == ColumnMapping("score", timestamp="when")
        assert (preview.n_rows, preview.complete, preview.problems) == (20, True, ())
        assert [c.role for c in preview.columns] == ["timestamp", "feature", "feature", "target"]


def test_a_preview_shows_the_first_rows_and_the_columns(tmp_path: Path) -> None:
    preview = preview_file(_write_all(tmp_path)[0])
    assert len(preview.rows) == 20
    assert preview.rows[0] == {
        "when": "2026-02-01T10:00:00Z",
        "model": "b",
        "words": "3",
        "score": "1",
    }
    model = preview.columns[1]
    assert (model.kind, model.n_missing, model.n_distinct, model.example) == ("category", 0, 2, "b")


def test_a_preview_of_a_large_file_reads_its_start_only(write) -> None:
    path = write("a.csv", "a,score\n" + "1,2\n" * 5000 + "broken \xe9\n")
    preview = preview_file(path)
    assert (preview.n_rows, preview.complete) == (1000, False)


def test_the_format_of_samples_in_json_is_understood(write) -> None:
    rows = [
        {
            "timestamp": f"2026-02-{day:02d}T10:00:00+05:30",
            "features": {"codeQuality": 60 + day, "complexity": day},
            "target": day,
            "csat": 0.5,
            "text": "some text",
            "metadata": {"source": "ci", "repository": f"repo{day % 3}"},
        }
        for day in range(1, 13)
    ]
    path = write("a.json", json.dumps(rows))
    mapping = preview_file(path).mapping
    assert (mapping.target, mapping.timestamp, mapping.text) == ("target", "timestamp", "text")
    assert mapping.group == "metadata.repository"
    sample = _samples(path, mapping)[0]
    assert sample.features == {"csat": 0.5, "codeQuality": 61.0, "complexity": 1.0}
    assert sample.group == "repo1"


def test_camel_case_names_stay_as_they_stand(write) -> None:
    path = write("a.csv", "codeQuality,test_coverage,score\n80,70,60\n")
    (sample,) = _samples(path, ColumnMapping("score"))
    assert sample.features == {"codeQuality": 80.0, "test_coverage": 70.0}


def test_a_column_that_appears_late_is_missing_before(write) -> None:
    lines = [json.dumps({"score": 1, "a": 1})] * 3000 + [json.dumps({"score": 2, "b": "x"})]
    samples = _samples(write("a.jsonl", "\n".join(lines)), ColumnMapping("score"))
    assert samples[0].features == {"a": 1.0, "b": None}
    assert samples[-1].features == {"a": None, "b": "x"}


def test_a_column_of_numbers_with_words_far_below_is_words_throughout(write) -> None:
    values = ["1.50"] * 2500 + ["large"] * 2500
    path = write("a.csv", "size,score\n" + "".join(f"{value},5\n" for value in values))
    samples = _samples(path, ColumnMapping("score"))
    assert samples[0].features == {"size": "1.50"}
    assert samples[-1].features == {"size": "large"}


def test_numbers_in_quotes_are_numbers_in_json_too(write) -> None:
    path = write("a.json", json.dumps([{"a": "1.5", "score": "70"}]))
    (sample,) = _samples(path, ColumnMapping("score"))
    assert (sample.features, sample.target) == ({"a": 1.5}, 70.0)


def test_pieces_add_up_to_what_the_file_holds_and_say_how_far(write) -> None:
    path = write("a.csv", "a,score\n" + "1,5\n1,x\n1\n" * 2000)
    mapping = ColumnMapping("score")
    told: list[float] = []
    plan = plan_file(path, mapping, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    pieces = list(read_file(path, plan, "file", Provenance.REAL, PERCENT))
    assert sum(piece.n_received for piece in pieces) == 6000
    for piece in pieces:
        assert len(piece.samples) + len(piece.rejections) == piece.n_received <= 2000
    shares = [piece.share_read for piece in pieces]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_file_that_grows_while_it_is_read_is_refused(write) -> None:
    path = write("a.csv", "a,score\n" + "1,5\n" * 3000)
    pieces = _read(path, ColumnMapping("score"))
    next(pieces)
    with path.open("a") as file:
        file.write("1,5\n")
    with pytest.raises(InvalidInput, match="had 3,000 rows and then 3,001: something wrote to it"):
        list(pieces)


def test_an_empty_file_is_refused(write) -> None:
    assert _refusal(write("a.csv", "")) == "'a.csv' is empty: there is nothing in it to import."


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", "a,score\n"), ("a.json", "[]"), ("a.json", '{"rows": []}')]
)
def test_a_header_only_is_refused(write, name: str, content: str) -> None:
    path = write(name, content)
    assert _refusal(path) == f"'{name}' has no rows: there is nothing in it to import."
    with pytest.raises(InvalidInput, match="has no rows"):
        _samples(path, ColumnMapping("score"))


def test_a_file_above_the_limit_is_refused_before_it_is_read(write) -> None:
    path = write("a.csv", "a,score\n" + "1,5\n" * 1_000_000)
    assert _refusal(path, 2_000_000) == (
        "'a.csv' has 4 MB and the limit is 2 MB: split it, save it as Parquet, or raise "
        "PLUMBLINE_UPLOAD_LIMIT_MB."
    )


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory): check the path" in (
        _refusal(tmp_path / "a.csv")
    )
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert "is not a file" in _refusal(folder)


def test_an_unknown_ending_is_refused_with_those_that_are_known(write) -> None:
    assert "'a.docx' does not end in .csv, .tsv, .txt, .json, .jsonl, .ndjson, .parquet, .xlsx" in (
        _refusal(write("a.docx", "a"))
    )


def test_messages_call_an_upload_by_the_name_its_owner_knows(write) -> None:
    path = write("6f1c.csv", "")
    assert _refusal(path, name="ratings.csv").startswith("'ratings.csv' is empty")


def test_a_file_without_a_readable_row_is_refused(write) -> None:
    path = write("a.jsonl", '{"a": 1, "a": 2}\n' * 3)
    assert "None of the first rows of 'a.jsonl' can be read; row 1: it names 'a' twice" in (
        _refusal(path)
    )
    with pytest.raises(InvalidInput, match=r"No row of 'a.jsonl' can be read \(3 rows\); row 1"):
        _samples(path, ColumnMapping("score"))


def _problems(path: Path) -> str:
    preview = preview_file(path)
    return " ".join((*(problem.sentence for problem in preview.problems), *preview.notes))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("when,a,score\n2026-01-01,1,5\n2026-01-02,2,6\n", "say no zone: they are taken as UTC"),
        ("a,score\n1,5\n2,6\n", "No column of times was found"),
        ("a;score\n1,234;5\n4,567;6\n", "Column 'a' has numbers with a comma that may separate"),
        ("a,score\n30%,5\n0.4,6\n", "Column 'a' has percentages ('30%') and numbers without"),
        ("a,b\nx,y\nz,w\n", "The target 'b' cannot be read as numbers: it holds 2 different words"),
        ("a;score\n1;5\n", "Columns are separated by semicolons."),
        ("a,score\n1,5\n1,2,3\n1,3\n", "Row 2 will be rejected: 3 values where the header"),
        (
            "a,score\n" + "1,5\n" * 40 + "oops,6\n",
            "holds numbers and 'oops': a value",
        ),
        ("date,a,score\n01/02/2026,1,5\n02/02/2026,1,6\n", "cannot be read: these rows will be"),
    ],
)
def test_a_preview_says_what_is_worth_a_look(write, content: str, said: str) -> None:
    assert said in _problems(write("a.csv", content))


def test_a_preview_says_which_columns_are_ignored_and_why(write) -> None:
    rows = [{"score": i, "note": "x" * 150 + str(i), "more": "y" * 150, "tags": [1], "a": i % 3}
            for i in range(30)]  # fmt: skip
    preview = preview_file(write("a.json", json.dumps(rows)))
    assert preview.mapping.text == "note"
    assert set(preview.mapping.ignored) == {"more", "tags"}
    said = {problem.column: problem.message for problem in preview.problems}
    assert said["tags"].startswith("Column 'tags' holds lists or objects")
    assert said["more"].startswith("Column 'more' holds text")


def test_a_preview_of_day_first_times_promises_what_the_import_does(write) -> None:
    path = write("a.csv", "id,when,a,score\n1,01/02/2026,1,5\n2,16/02/2026,2,6\n3,03/02/2026,3,7\n")
    assert _problems(path) == "Times in 'when' say no zone: they are taken as UTC."
    samples = _samples(path, ColumnMapping("score", timestamp="when", id="id"))
    assert [sample.at and sample.at.strftime("%m-%d") for sample in samples] == [
        "02-01", "02-16", "02-03",
    ]  # fmt: skip


def test_a_preview_of_a_part_leaves_the_order_of_day_and_month_to_later_rows(write) -> None:
    rows = [f"01/02/2026,{n % 7},{n % 9}\n" for n in range(1500)]
    path = write("a.csv", "when,a,score\n" + "".join(rows) + "16/02/2026,1,6\n")
    assert "unless a later row shows which comes first" in _problems(path)
    assert "cannot be read" not in _problems(path)
    assert len(_samples(path, ColumnMapping("score", timestamp="when"))) == 1501
