"""Tables with a column that only says where a row stood."""

from tests.field.files import FieldFile, N, X, Z, numbers, shuffled, with_gaps

INDEXES = (
    *(
    FieldFile(f"index_{place}.csv", {name: values, "a": X, "overall": numbers(0, 100)}, "overall",
        ignored=(name or "column_1",))
    for place, (name, values) in enumerate([
        ("", list(range(N))), ("", with_gaps()), ("Unnamed: 0", shuffled()),
        ("Unnamed: 0", [*range(N // 2), *range(N // 2)]), ("index", list(range(1, N + 1))),
        ("index", with_gaps()), ("row", list(range(N, 0, -1))), ("#", list(range(1, N + 1))),
        ("idx", shuffled(start=1)), ("No.", list(range(1, N + 1))), ("row_id", list(range(N))),
        ("level_0", with_gaps()), ("Nr", list(range(1, N + 1))), ("obs", with_gaps()),
        ("Zeile", list(range(1, N + 1)))])
    ),
    FieldFile("index_last.csv", {"a": X, "overall": numbers(0, 100), "idx": list(range(N))},
        "overall", ignored=("idx",)),
    FieldFile("index_text.jsonl", {"index": [str(i) for i in range(N)], "a": X,
        "overall": numbers(0, 100)}, "overall", ignored=("index",)),
    FieldFile("index_alone.csv", {"Unnamed: 0": list(range(N)), "a": X, "b": Z}, "b",
        ignored=("Unnamed: 0",), asks="target_guessed"),
    FieldFile("year.csv", {"year": list(range(1925, 1925 + N)), "a": X, "score": numbers(0, 100)},
        "score"),
    FieldFile("no_name_says_it.csv", {"place": shuffled(start=1), "a": X,
        "overall": numbers(0, 100)}, "overall", says=("counts_rows",)),
)  # fmt: skip
