"""The problems of imports: rows that were not taken, were there already, or lost a value; pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from core import text
from core.domain.dataset import Issue, Severity
from core.domain.sample import Collection, Rejection, choose_newest

MAX_LOST = 0.2
"""An import that loses a larger share of its rows is not done unless somebody accepts it."""

_MANY_REJECTED = 0.05


def check_collections(collections: Iterable[Collection]) -> list[Issue]:
    """Return issues for the newest import of each source."""
    return [
        issue for collection in choose_newest(collections) for issue in check_import(collection)
    ]


def check_import(collection: Collection) -> list[Issue]:
    """Return issues for the rows that an import did not take or had already."""
    return [
        *check_rejected(
            collection.source, collection.n_received, collection.n_rejected, collection.rejected
        ),
        *_check_odd(collection),
        *_check_known(collection),
    ]


def check_rejected(
    source: str, n_received: int, n_rejected: int, rejected: Sequence[Rejection]
) -> Iterator[Issue]:
    """Yield an issue for each reason why rows were not taken, the most common first; `rejected`
    are the first of them."""
    codes = Counter(rejection.code for rejection in rejected)
    for code, n_kept in codes.most_common():
        example = next(r for r in rejected if r.code == code)
        outside = code == "target_out_of_scale"
        n = round(n_kept / len(rejected) * n_rejected)
        yield Issue(
            "out_of_range" if outside else "rejected_rows",
            Severity.WARNING if n / n_received >= _MANY_REJECTED else Severity.INFO,
            None,
            n,
            f"{n:,} of {n_received:,} rows of {source} were not taken. Row {example.row}: "
            f"{example.message}.",
            "Set the scale, or correct such rows at their source, and bring them again."
            if outside
            else "Correct such rows at their source and bring them again.",
        )


def _check_odd(collection: Collection) -> Iterator[Issue]:
    counts = collection.mapping.get("odd_values")
    for column, n in counts.items() if isinstance(counts, dict) else ():
        yield Issue(
            "odd_values",
            Severity.INFO,
            column,
            n,
            f"{text.count(n, 'value')} of '{column}' in {collection.source} do not fit the column "
            "and count as missing; the rows are kept.",
            "Correct them at their source, or leave them empty.",
        )


def _check_known(collection: Collection) -> Iterator[Issue]:
    if collection.n_duplicate:
        yield Issue(
            "duplicate_rows",
            Severity.INFO,
            None,
            collection.n_duplicate,
            f"{collection.n_duplicate:,} of {collection.n_received:,} rows of {collection.source} "
            "were there already, in the same file or from an earlier import, equal in every "
            "column: they count once. Nothing needs to be done.",
        )
