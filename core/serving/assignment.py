"""Assignment: which side of a trial answers a request, and which requests are scored twice."""

import hashlib
import zlib

from core.domain.prediction import Variant

_BYTES = 8
_FULL = float(2 ** (8 * _BYTES))
_SAMPLED = float(2**32)


def choose_variant(unit_id: str | None, salt: str, traffic: float, random: bytes) -> Variant:
    """The side that answers: for a unit always the same, by a hash that the trial's `salt` makes
    its own, so that the units of one trial are mixed anew in the next; by `random` (8 bytes) where
    a request names no unit. A unit that has the challenger keeps it as the traffic grows.

    >>> choose_variant("repo-7", "salt", 1.0, bytes(8)).value
    'challenger'
    >>> choose_variant(None, "salt", 0.5, bytes([255] * 8)).value
    'champion'
    """
    drawn = random if unit_id is None else hashlib.sha256(f"{salt}:{unit_id}".encode()).digest()
    place = int.from_bytes(drawn[:_BYTES], "big") / _FULL
    return Variant.CHALLENGER if place < traffic else Variant.CHAMPION


def is_sampled(prediction_id: str, share: float) -> bool:
    """Whether a prediction is one of this share, by a checksum of its id: the ids of a batch
    differ in few digits.

    >>> is_sampled("019cae6b660070008000000000000000", 0.1)
    False
    >>> is_sampled("019cae6b660070008000000000000000", 0.98)
    True
    """
    return zlib.crc32(prediction_id.encode()) < share * _SAMPLED
