"""The names by which the field knows a target, a time, an id, a group, a text or a row number;
pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

BASE_METRICS = (
    "code_quality",
    "test_coverage",
    "security",
    "performance",
    "maintainability",
    "complexity",
    "csat",
)
"""Features that are known by name, in snake_case; files may write them in camelCase."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In the languages that headers are written in; the more certain a name, the earlier.
_TARGETS = """
    target ground_truth gold gold_score human_score human_rating human_label expert_score
    expert_rating user_rating user_score overall overall_score overall_rating overall_quality
    final_score quality_score quality score rating stars star_rating review_score preference
    csat_score satisfaction satisfaction_score grade final_grade mark marks label outcome actual y
    y_true helpfulness correctness faithfulness groundedness relevance relevancy answer_relevancy
    answer_relevance answer_correctness coherence fluency adequacy usefulness truthfulness honesty
    acceptability harmlessness mos nps bugs n_bugs num_bugs bug_count defects n_defects
    defect_count scores ratings
    bewertung gesamtbewertung note punkte punktzahl qualität zielwert puntuación calificación nota
    valoración calidad avaliação qualidade voto punteggio valutazione ocena beoordeling cijfer
    qualité score_global оценка балл рейтинг качество 评分 分数 得分 质量 評価 点数 スコア 평점 점수
    التقييم الدرجة
"""
_OUTCOMES = """
    sales demand passed pass success successful correct is_correct accepted is_accepted resolved
    won win winner verdict result class sale_price saleprice selling_price price
    median_house_value medv charges mpg strength rings cnt yield survived churn exited salary
    msrp trip_duration
"""
_TIMES = """
    timestamp at time datetime date_time date created_at updated_at event_time observed_at
    recorded_at ts created day time_stamp tstamp unix_time unix_timestamp created_utc creation_date
    creation_time review_time unix_review_time submitted_at submission_date opened_at open_date
    reported_at started_at start_time run_at logged_at date_created
    datum zeit zeitpunkt zeitstempel erstellt erstellt_am fecha hora fecha_hora data data_hora
    horodatage date_creation дата время 日期 时间 日時 日付 時刻 날짜 시간 التاريخ
"""
_LABEL_TIMES = """
    labelled_at labeled_at label_time rated_at reviewed_at scored_at graded_at annotated_at
    judged_at evaluated_at bewertet_am
"""
_TEXTS = """
    text response answer hypothesis translation target content output completion generated_text
    generation model_output code body message assistant_response model_response candidate
    prediction_text review_text review comment description title summary antwort texto respuesta
    resposta réponse texte ответ текст 回答 文本 答案 本文 답변 응답
"""
_IDS = """
    id sample_id external_id row_id uuid guid record_id key issue_number issue number issue_id
    pr_number pull_request ticket ticket_number case_number order_number invoice invoice_number
    hash sha commit commit_hash run_id trace_id request_id event_id message_id identifier kennung
    nummer vorgangsnummer numero número código codigo номер 编号 番号 번호
"""
_GROUPS = """
    group group_id repository repository_id repo repo_id session session_id conversation_id
    thread_id question question_id prompt_id answer_id item_id segment_id seg_id example_id task_id
    test_id user_id project project_id document_id doc_id customer_id patient_id device_id prompt
    instruction user_input input query frage frage_id projekt pregunta pregunta_id proyecto
    вопрос проект 问题 質問 질문
"""
_PROMPTS = "question prompt instruction user_input input query frage pregunta вопрос 问题 質問 질문"
_RATERS = """
    rater rater_id annotator annotator_id worker_id labeler labeler_id labeller labeller_id assessor
    assessor_id evaluator evaluator_id grader grader_id coder_id judge judge_id judge_model rated_by
    annotated_by scored_by labelled_by labeled_by graded_by judged_by
"""
_POSITIONS = """
    index idx row rows row_number row_num rownum row_no row_nr row_index row_idx rowid row_id
    rownumber line line_number line_no no nr sno s_no sl_no sr_no serial_no lfd_nr position pos
    obs observation record instant zeile fila linha ligne
    строка 行号 序号 x índice indeks индекс 索引
    인덱스
"""

SURE_POSITIONS = _words("""
    index idx row rows row_number row_num rowid row_id row_index row_idx line line_number obs
""")
"""Names of positions that hold with gaps too; the others need whole numbers with hardly one."""

_TARGET_ENDS = frozenset({"score", "rating", "grade", "stars", "quality", "bewertung", "note"})
_TARGET_STARTS = frozenset({"overall", "quality", "preference"})
_TARGET_WORDS = _words("""
    correctness helpfulness faithfulness relevance relevancy coherence fluency adequacy
    usefulness truthfulness honesty groundedness satisfaction preference bugs defects
""")
_BY_PEOPLE = _words("""
    human user expert final mean avg average overall gold customer
""")
_ONLY_TEXTS = _words("""
    comment comments feedback reason text explanation rationale note
""")
_MEASURES = _words("""
    seconds secs sec ms millis minutes duration latency elapsed runtime cost costs usd eur
    price tokens token temperature seed attempts attempt retries retry count n num std stdev
    stddev variance var se time at date pred predicted prediction baseline proxy confidence
    weight threshold max min bytes chars characters words length len lines size depth year
    month day hour minute weekday lat lon latitude longitude zip id ids version rank index
    epoch step top k p version votes
""")
_LAGS = re.compile(
    r"(^|_)(lag|lags|lagged|prev|previous|prior|shift|shifted|yesterday|last|past|rolling|roll"
    r"|moving|ewm|ema|sma|cum|cumsum|cumulative|trailing|historical)\d*(_|$)"
    r"|(^|_)(t_?\d+|ma\d+|l\d+)$|_t_minus_\d+$"
)
_MEANS = _words("mean avg average")
_NO_ID = _words("""
    paid grid humid void acid solid fluid liquid rapid avoid bid valid
""")
_KEYS = _words("""
    id uuid guid key hash sha number nr ref identifier isbn doi
""")
_DURATIONS = _words("""
    response elapsed run lead wait waiting build execution processing
""")


def snake_case(name: str) -> str:
    """Return a column's name in snake_case without accents, for comparisons.

    >>> snake_case("codeQuality"), snake_case("Question ID"), snake_case("URL")
    ('code_quality', 'question_id', 'url')
    >>> snake_case("Qualität (1-5)"), snake_case("评分")
    ('qualitat_1_5', '评分')
    """
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.removeprefix("metadata."))
    parts = unicodedata.normalize("NFKD", spaced.casefold())
    plain = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", plain)).strip("_")


def _order(names: str) -> Mapping[str, int]:
    spelled = (snake_case(name) for name in names.split())
    return {name: place for place, name in enumerate(dict.fromkeys(spelled))}


TARGETS, OUTCOMES = _order(_TARGETS), _order(_OUTCOMES)
TIMES, LABEL_TIMES = _order(_TIMES), _order(_LABEL_TIMES)
TEXTS, IDS, GROUPS = _order(_TEXTS), _order(_IDS), _order(_GROUPS)
PROMPTS, RATERS, POSITIONS = _order(_PROMPTS), _order(_RATERS), _order(_POSITIONS)
"""The known names of each role in snake_case, each with its place: the smaller, the surer."""


def rank_target(key: str) -> tuple[int, int] | None:
    """Return the rank of a name (in snake_case) as that of a target, the smaller the surer; None
    where it is no such name.

    The known names come first, then what people gave, then what ends or begins like one. A count,
    a spread, a prediction, a unit of measurement, or a lag of a target is none.

    >>> rank_target("overall") < rank_target("rating") < rank_target("expert_clarity_score")
    True
    >>> rank_target("rating_mean") == rank_target("rating_1_5")
    True
    >>> [rank_target(key) for key in ("score_std", "score_lag_1", "predicted_score", "seconds")]
    [None, None, None, None]
    """
    if key in BASE_METRICS or is_lag(key):
        return None
    if key in TARGETS:
        return 0, TARGETS[key]
    words = key.split("_")
    while len(words) > 1 and (words[-1] in _MEANS or re.fullmatch(r"[a-z]?\d+", words[-1])):
        words = words[:-1]  # rating_1_5, rating_r2, rating_mean
    if len(words) < len(key.split("_")) and "_".join(words) in TARGETS:
        return 1, 1 + TARGETS["_".join(words)]
    if set(words) & _MEASURES or (len(words) > 1 and words[-1] in _ONLY_TEXTS):
        return None
    known = words[-1] in _TARGET_ENDS or words[0] in _TARGET_STARTS or set(words) & _TARGET_WORDS
    if not known:
        return None
    return (1, 0) if words[0] in _BY_PEOPLE else (2, 0)


def is_lag(key: str) -> bool:
    """Return whether a name in snake_case says that a column repeats earlier values of another.

    >>> [is_lag(key) for key in ("score_lag", "prev_score", "cnt_t_1", "score", "lagoon")]
    [True, True, True, False, False]
    """
    return _LAGS.search(key) is not None


def is_measure(key: str) -> bool:
    """Return whether a name in snake_case is a cost, a duration, a setting or a count of a run:
    known, but nobody's verdict.

    >>> [is_measure(key) for key in ("seconds", "total_tokens", "seed", "strength")]
    [True, True, True, False]
    """
    return bool(set(key.split("_")) & _MEASURES)


def is_numbered(key: str) -> bool:
    """Return whether a name in snake_case ends in a number, as those of a series do.

    >>> is_numbered("topic_400"), is_numbered("v28"), is_numbered("age")
    (True, True, False)
    """
    return re.search(r"[^\d]\d+$", key) is not None


def is_key_name(key: str) -> bool:
    """Return whether a name in snake_case is that of a key.

    >>> [is_key_name(key) for key in ("passenger_id", "imdbid", "issue_number", "paid", "age")]
    [True, True, True, False, False]
    """
    last = key.split("_")[-1]
    glued = len(last) > 3 and last.endswith("id") and last not in _NO_ID
    return key in IDS or last in _KEYS or glued


def is_unnamed(name: str) -> bool:
    """Return whether a column has only the name that a program gives to one without.

    >>> [is_unnamed(name) for name in ("", "Unnamed: 0", "__index_level_0__", "column_1", "a")]
    [True, True, True, True, False]
    """
    key = snake_case(name)
    return (
        re.fullmatch(r"|unnamed(_\d+)*(_level_\d+)?|index_level_\d+|level_\d+|column_\d+", key)
        is not None
    )


def is_time_name(key: str) -> bool:
    """Return whether a name in snake_case is that of a moment, and not of a duration.

    >>> [is_time_name(key) for key in ("date", "closed_at", "response_time", "sunday")]
    [True, True, False, False]
    """
    words = key.split("_")
    if set(words[:-1]) & _DURATIONS:
        return False
    ends = len(words) > 1 and words[-1] in ("at", "date", "time", "timestamp", "ts", "datetime")
    return key in TIMES or key in LABEL_TIMES or ends


def choose_first(order: Mapping[str, int], keys: Iterable[str]) -> list[str]:
    """Return those of some keys that an order knows, the surest first.

    >>> choose_first({"id": 0, "key": 1}, ["a", "key", "id"])
    ['id', 'key']
    """
    return sorted((key for key in keys if key in order), key=lambda key: order[key])
