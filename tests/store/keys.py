"""The rows of a store and the key of one, for tests that look for them."""

from collections.abc import Iterator

import sqlalchemy as sa

from core.domain.sample import Sample
from core.store.data.sample_values import build_rows, find_key
from core.store.data.samples import stream_pieces


def sample_key(sample: Sample) -> str:
    """The key that the store knows a row by."""
    return find_key(build_rows(0, [sample])[0][0])


def stream_samples(conn: sa.Connection) -> Iterator[Sample]:
    """Every visible row."""
    for piece in stream_pieces(conn):
        for _, sample in piece:
            yield sample
