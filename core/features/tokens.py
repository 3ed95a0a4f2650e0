"""Tokens of a text that may be code: words, the parts of identifiers, operators and indentation."""

import re
from collections import Counter

_TOKEN = re.compile(r"\n[ \t]*|[^\W\d]\w*|\d+|[^\w\s]{1,2}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_MAX_INDENT = 8
_SPACES = 4  # of which a level of indentation has


def split_tokens(text: str) -> list[str]:
    """The tokens in their order, in lower case. An identifier is split by camelCase and underscores
    (and is kept whole beside its parts), a line begins with its depth, and numbers say only how
    long they are.

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
    """How often each run of up to `longest` tokens stands in a text.

    >>> count_ngrams("a b a", 2)
    Counter({'a': 2, 'b': 1, 'a b': 1, 'b a': 1})
    """
    tokens = split_tokens(text)
    counts = Counter(tokens)
    for length in range(2, longest + 1):
        runs = zip(*(tokens[i:] for i in range(length)), strict=False)
        counts.update(map(" ".join, runs))
    return counts
