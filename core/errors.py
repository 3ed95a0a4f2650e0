"""Errors an operator can act on. Anything that is not an `OpsError` is a bug and may crash."""

from collections.abc import Mapping
from typing import Any

from core.safety.masking import mask


class OpsError(Exception):
    """An error as one sentence: what happened, to what, and what to do; its secrets are masked.

    `public` is the sentence for somebody who only calls: the same, unless one is given because
    the whole names a folder, a host or a user, which is for the operator alone."""

    def __init__(self, message: str, *, public: str | None = None) -> None:
        super().__init__(mask(message))
        self.public = str(self) if public is None else public


class InvalidInput(OpsError):
    """A file, a body, an argument or a setting is not what it has to be."""


class NotFound(OpsError):
    """The thing that was named does not exist."""


class Conflict(OpsError):
    """Somebody else changed the same thing first; nothing was written."""


class Refused(OpsError):
    """A rule of the product forbids it; the message says which rule and how to go on."""


class Unavailable(OpsError):
    """Something outside (disk, database, port, service) does not answer. Most of these sentences
    say where that is, so that `public` says nothing of it unless it is given."""

    def __init__(self, message: str, *, public: str | None = None) -> None:
        super().__init__(
            message,
            public=public
            or "Something that this service needs does not answer: try again in a moment, and give "
            "the request's id to whoever runs it if that does not help.",
        )


class Cancelled(OpsError):
    """A person asked for the work to stop; `kept` is what had been found until then, as JSON."""

    def __init__(self, message: str, kept: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.kept = kept


class Incomplete(OpsError):
    """It was not done, or not all of it; `result` says what came of each part or what was found, as
    JSON has it."""

    def __init__(self, message: str, result: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.result = result or {}


_LIBRARIES = {
    "mlflow": "MLflow",
    "numpy": "NumPy",
    "pandas": "pandas",
    "scipy": "SciPy",
    "sklearn": "scikit-learn",
    "xgboost": "XGBoost",
}


def find_library(error: BaseException) -> str | None:
    """Return the library that raised an error, whose words mean nothing to whoever sent rows; None
    where it was raised by a recipe or by this program.

    >>> find_library(ValueError("no column suits")) is None
    True
    """
    modules = [type(error).__module__]
    trace = error.__traceback__
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    raised_by = modules[-1].partition(".")[0], modules[0].partition(".")[0]
    return next((_LIBRARIES[name] for name in raised_by if name in _LIBRARIES), None)
