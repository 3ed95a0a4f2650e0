"""Surveys in several languages, and tables as people download them."""

from tests.field.files import (
    FieldFile,
    N,
    X,
    Z,
    epochs,
    names,
    numbers,
    repeated,
    sentences,
    times,
    whole,
    words,
)

SURVEYS = (
    FieldFile(
        "csat.csv",
        {
            "response_id": names("R"),
            "submitted_at": times(),
            "channel": words("mail", "chat"),
            "comment": sentences(7),
            "satisfaction": whole(1, 5),
        },
        "satisfaction",
        timestamp="submitted_at",
        id="response_id",
        text="comment",
    ),
    FieldFile(
        "short_comments.csv",
        {"comment": [f"good {i}" for i in range(N)], "age": whole(18, 80), "stars": whole(1, 5)},
        "stars",
        text="comment",
    ),
    FieldFile(
        "likert.csv",
        {
            "q1": whole(1, 5, seed=1),
            "q2": whole(1, 5, seed=2),
            "q3": whole(1, 5, seed=3),
            "overall": whole(1, 5),
        },
        "overall",
    ),
    FieldFile(
        "constant_rating.csv",
        {"age": whole(18, 80), "rating": [5] * N},
        "rating",
        asks="target_constant",
    ),
    FieldFile(
        "empty_score.csv",
        {"age": whole(18, 80), "score": [""] * N},
        "score",
        asks="target_unreadable",
    ),
    FieldFile(
        "deutsch.csv",
        {
            "Nummer": list(range(400, 400 + N)),
            "Datum": times("%Y-%m-%d"),
            "Antwort": sentences(9),
            "Länge": X,
            "Bewertung": whole(1, 6),
        },
        "Bewertung",
        timestamp="Datum",
        id="Nummer",
        text="Antwort",
    ),
    FieldFile(
        "español.csv",
        {
            "fecha": times("%Y-%m-%d"),
            "respuesta": sentences(9),
            "longitud": X,
            "calificación": whole(1, 10),
        },
        "calificación",
        timestamp="fecha",
        text="respuesta",
    ),
    FieldFile(
        "中文.csv", {"时间": times(), "长度": X, "评分": whole(1, 5)}, "评分", timestamp="时间"
    ),
    FieldFile(
        "日本語.csv",
        {"日付": times("%Y-%m-%d"), "文字数": X, "評価": whole(1, 5)},
        "評価",
        timestamp="日付",
    ),
    FieldFile(
        "русский.csv",
        {"дата": times("%Y-%m-%d"), "длина": X, "оценка": whole(1, 5)},
        "оценка",
        timestamp="дата",
    ),
    FieldFile(
        "한국어.csv",
        {"날짜": times("%Y-%m-%d"), "길이": X, "평점": whole(1, 5)},
        "평점",
        timestamp="날짜",
    ),
    FieldFile(
        "français.csv",
        {"horodatage": times(), "réponse": sentences(9), "note": whole(0, 20)},
        "note",
        timestamp="horodatage",
        text="réponse",
    ),
)

TABLES = (
    FieldFile(
        "titanic.csv",
        {
            "PassengerId": list(range(1, N + 1)),
            "Survived": whole(0, 1),
            "Pclass": whole(1, 3),
            "Name": sentences(3),
            "Age": numbers(1, 80),
            "Fare": X,
        },
        "Survived",
        id="PassengerId",
        text="Name",
    ),
    FieldFile(
        "houses.csv",
        {
            "Id": list(range(1, N + 1)),
            "LotArea": whole(900, 90000),
            "YearBuilt": whole(1900, 2010),
            "SalePrice": whole(40000, 700000),
        },
        "SalePrice",
        id="Id",
    ),
    FieldFile("wine.csv", {"alcohol": X, "pH": numbers(2, 4), "quality": whole(3, 8)}, "quality"),
    FieldFile(
        "concrete.csv",
        {"cement": X, "water": Z, "age": whole(1, 365), "mpa": numbers(2, 80)},
        "mpa",
        asks="target_guessed",
    ),
    FieldFile(
        "cars.csv",
        {
            "mpg": numbers(9, 40),
            "cylinders": whole(3, 8),
            "car name": [f"maker {i}" for i in range(N)],
        },
        "mpg",
        text="car name",
    ),
    FieldFile(
        "films.csv",
        {"rating": words("PG", "R", "G"), "votes": whole(9, 90000), "score": numbers(1, 10, 1)},
        "score",
        says=("target_unreadable",),
    ),
    FieldFile(
        "amazon.jsonl",
        {
            "asin": words("B1", "B2", "B3"),
            "reviewText": sentences(20),
            "overall": whole(1, 5),
            "unixReviewTime": epochs(),
            "summary": sentences(3),
        },
        "overall",
        timestamp="unixReviewTime",
        text="reviewText",
        ignored=("summary",),
    ),
    FieldFile(
        "long.csv",
        {
            "user_id": repeated(range(500, 512), 5),
            "week": whole(1, 5),
            "visits": whole(0, 40),
            "score": numbers(0, 100),
        },
        "score",
        group="user_id",
    ),
    FieldFile(
        "wide.tsv",
        {**{f"f{i}": numbers(0, 1, seed=i) for i in range(30)}, "label": whole(0, 1)},
        "label",
    ),
    FieldFile(
        "all_different.csv",
        {"mass": X, "hits": [(i * 7919) % 100003 for i in range(N)]},
        "mass",
        asks="target_guessed",
    ),
    FieldFile(
        "score_counts.csv",
        {"n_ratings": whole(1, 90), "rating_std": X, "mean_rating": numbers(1, 5), "size": Z},
        "mean_rating",
    ),
    FieldFile(
        "predicted.csv", {"predicted_score": X, "size": Z, "actual": numbers(0, 100)}, "actual"
    ),
    FieldFile(
        "salaries.csv",
        {"years": whole(1, 30), "bonus": whole(33000, 58000), "score": whole(34000, 57000)},
        "score",
    ),
    FieldFile(
        "churn.csv",
        {
            "customerID": [f"{i:04d}-XK" for i in range(N)],
            "tenure": whole(0, 72),
            "MonthlyCharges": numbers(9, 99),
            "Churn": words("Yes", "No"),
        },
        "Churn",
        id="customerID",
        asks="target_unreadable",
    ),
    FieldFile(
        "diamonds.csv",
        {"carat": X, "x": numbers(3, 9), "y": numbers(3, 9, seed=2), "z": Z, "price": whole(9, 99)},
        "price",
    ),
    FieldFile(
        "half_labelled.csv",
        {"length": X, "score": [i if i % 2 else None for i in range(N)]},
        "score",
        says=("unlabelled_rows",),
    ),
    FieldFile(
        "constant_and_correct.csv",
        {"length": X, "overall": [3] * N, "correctness": whole(0, 4)},
        "correctness",
    ),
    FieldFile(
        "questions.csv",
        {
            "出题": [f"问题{i}是什么东西呢" for i in range(N)],
            "回答": [f"这个答案是第{i}个长长的回答" for i in range(N)],
            "得分": whole(0, 100),
        },
        "得分",
        text="回答",
        ignored=("出题",),
    ),
)
