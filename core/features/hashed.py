"""The embedder that needs no download: hashed counts of token n-grams (Weinberger et al. 2009)."""

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_TOKEN = re.compile(r"\n[ \t]*|[^\W\d]\w*|\d+|[^\w\s]{1,2}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_MAX_INDENT = 8
_SPACES = 4  # of which a level of indentation has


def split_tokens(text: str) -> list[str]:
    """Return the tokens in their order, in lower case. An identifier is split by camelCase and
    underscores (and also kept whole), a line begins with its depth, and numbers only state their
    length.

    >>> split_tokens("def getUser_id(x):\\n    return x != 10")
    ['def', 'getuser_id', 'get', 'user', 'id', '(', 'x', '):', '<1>', 'return', 'x', '!=', '#2']
    """
    found: list[str] = []
    for token in _TOKEN.findall(text):
        if token[0] == "\n":
            depth = len(token[1:].expandtabs(_SPACES)) // _SPACES
            found.append(f"<{min(depth, _MAX_INDENT)}>")
        elif token[0].isdigit():
            found.append(f"#{len(token)}")
        else:
            parts = _PART.findall(token) if "_" in token or not token.islower() else []
            found.append(token.lower())
            found.extend(part.lower() for part in parts if len(parts) > 1)
    return found


def count_ngrams(text: str, longest: int) -> Counter[str]:
    """Count each run of up to `longest` tokens in a text.

    >>> count_ngrams("a b a", 2)
    Counter({'a': 2, 'b': 1, 'a b': 1, 'b a': 1})
    """
    tokens = split_tokens(text)
    counts = Counter(tokens)
    for length in range(2, longest + 1):
        runs = zip(*(tokens[i:] for i in range(length)), strict=False)
        counts.update(map(" ".join, runs))
    return counts


N_BUCKETS = 4_096
LONGEST = 2
MAX_CHARACTERS = 20_000


class HashedTokens:
    """Hashes each n-gram into one of 4,096 buckets by its CRC-32, with a sign by another bit, so
    that collisions cancel out on average. A bucket holds the sum of 1 + log(count); a text's vector
    has the length 1, or 0 without a token. The first 20,000 characters of a text count."""

    name = "hashed"

    def embed(self, texts: Sequence[str]) -> csr_matrix:
        """Return the vectors, shape (n, 4096), sparse."""
        rows = [self.embed_sparse(text) for text in texts]
        places = np.concatenate([np.empty(0, np.int64), *(places for places, _ in rows)])
        values = np.concatenate([np.empty(0), *(values for _, values in rows)])
        starts = np.cumsum([0, *(len(places) for places, _ in rows)])
        return csr_matrix((values, places, starts), shape=(len(texts), N_BUCKETS))

    def embed_sparse(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the indices of the buckets of one text that are not empty, and their values."""
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
