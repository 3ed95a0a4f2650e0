"""Bug lists, code reviews, tickets, and streams of sensors."""

from tests.field.files import (
    FieldFile,
    N,
    X,
    Z,
    epochs,
    lagged,
    names,
    numbers,
    rolling,
    sentences,
    times,
    whole,
    words,
)

BUGS = (
    FieldFile(
        "issues.csv",
        {
            "number": [9000 - 7 * i for i in range(N)],
            "title": sentences(5),
            "created_at": times(),
            "comments": whole(0, 30),
            "label": words("bug", "doc"),
            "bugs": whole(0, 9),
        },
        "bugs",
        timestamp="created_at",
        id="number",
        text="title",
        says=("target_unreadable",),
    ),
    FieldFile(
        "issue_keys.csv",
        {
            "key": [f"ABC-{i * 3 + 7}" for i in range(N)],
            "priority": words("low", "high"),
            "story_points": whole(1, 13),
            "defects": whole(0, 5),
        },
        "defects",
        id="key",
    ),
    FieldFile(
        "reviews.csv",
        {
            "pr_number": list(range(1200, 1200 + N)),
            "repo": words("a", "b", "c"),
            "lines_changed": whole(1, 900),
            "review_score": numbers(0, 100),
        },
        "review_score",
        id="pr_number",
        group="repo",
    ),
    FieldFile(
        "commits.jsonl",
        {
            "sha": [f"{i * 7919 + 4096:07x}e1" for i in range(N)],
            "committed_at": times(),
            "churn": whole(1, 900),
            "n_bugs": whole(0, 4),
        },
        "n_bugs",
        timestamp="committed_at",
        id="sha",
    ),
    FieldFile(
        "tickets.csv",
        {
            "ticket": names("T"),
            "opened_at": times(),
            "closed_at": times(),
            "agent": words("ann", "bob"),
            "csat_score": whole(1, 5),
        },
        "csat_score",
        timestamp="opened_at",
        id="ticket",
        ignored=("closed_at",),
    ),
    FieldFile(
        "unread_dates.csv",
        {"date": [f"day {i} of the sprint" for i in range(N)], "size": X, "score": numbers(0, 100)},
        "score",
        ignored=("date",),
        asks="time_unreadable",
    ),
    FieldFile(
        "unread_times.csv",
        {"timestamp": [f"T+{i}" for i in range(N)], "size": X, "score": numbers(0, 100)},
        "score",
        ignored=("timestamp",),
        asks="time_unreadable",
    ),
)

SENSORS = (
    FieldFile(
        "stream.csv",
        {
            "timestamp": times(),
            "temperature": numbers(10, 30),
            "humidity": numbers(20, 90),
            "quality": numbers(0, 100),
        },
        "quality",
        timestamp="timestamp",
    ),
    FieldFile(
        "lag_name.csv",
        {
            "date": times("%Y-%m-%d %H:%M"),
            "load": X,
            "load_lag1": lagged(X),
            "load_rolling_7": rolling(X),
        },
        "load",
        timestamp="date",
        asks="target_guessed",
    ),
    FieldFile(
        "lag_values.csv",
        {"when": times("%Y-%m-%d %H:%M"), "flow": X, "earlier": lagged(X)},
        "flow",
        timestamp="when",
        asks="target_guessed",
    ),
    FieldFile(
        "previous_score.csv",
        {"at": times(), "score": X, "prev_score": lagged(X)},
        "score",
        timestamp="at",
    ),
    FieldFile(
        "bikes.csv",
        {
            "instant": list(range(1, N + 1)),
            "dteday": times("%Y-%m-%d %H:%M"),
            "season": whole(1, 4),
            "temp": numbers(0, 1),
            "cnt": whole(20, 900),
        },
        "cnt",
        timestamp="dteday",
        ignored=("instant",),
    ),
    FieldFile(
        "epoch.csv",
        {"ts": epochs(), "pressure": X, "rating": whole(1, 5)},
        "rating",
        timestamp="ts",
    ),
    FieldFile(
        "time_counts.csv",
        {"Time": whole(0, 900), "V1": X, "V2": Z, "score": whole(0, 99)},
        "score",
        asks="time_unreadable",
    ),
    FieldFile(
        "topics.csv",
        {
            "overall": whole(1, 5),
            **{f"topic_{i}": numbers(0, 1, 4, seed=i) for i in range(397, 401)},
        },
        "overall",
    ),
    FieldFile(
        "topics_only.csv",
        {"worth": whole(1, 5), **{f"topic_{i}": numbers(0, 1, 4, seed=i) for i in range(397, 401)}},
        "worth",
        asks="target_guessed",
    ),
)
