"""The embedder that needs no download: hashed counts of token n-grams (Weinberger et al. 2009)."""

import math
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from core.features.tokens import count_ngrams

N_BUCKETS = 4_096
LONGEST = 2
MAX_CHARACTERS = 20_000


class HashedTokens:
    """Each n-gram falls into one of 4,096 buckets by its CRC-32, with a sign by another bit, so
    that collisions cancel out on average. A bucket holds the sum of 1 + log(count); a text's vector
    has the length 1, or 0 where it has no token. Of a text the first 20,000 characters count."""

    name = "hashed"

    def embed(self, texts: Sequence[str]) -> csr_matrix:
        """The vectors, shape (n, 4096), sparse."""
        rows = [self.embed_sparse(text) for text in texts]
        places = np.concatenate([np.empty(0, np.int64), *(places for places, _ in rows)])
        values = np.concatenate([np.empty(0), *(values for _, values in rows)])
        starts = np.cumsum([0, *(len(places) for places, _ in rows)])
        return csr_matrix((values, places, starts), shape=(len(texts), N_BUCKETS))

    def embed_sparse(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The buckets of one text that are not empty, and what they hold."""
        sums: dict[int, float] = {}
        for ngram, count in count_ngrams(text[:MAX_CHARACTERS], LONGEST).items():
            code = zlib.crc32(ngram.encode("utf-8", "replace"))
            weight = 1.0 + math.log(count)
            bucket = code % N_BUCKETS
            sums[bucket] = sums.get(bucket, 0.0) + (weight if code & 1 << 31 else -weight)
        places = np.fromiter(sums, np.int64, len(sums))
        values = np.fromiter(sums.values(), np.float64, len(sums))
        length = float(np.sqrt(values @ values))
        return places, values / length if length else values
