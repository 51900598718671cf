"""An error of one object as a cause: an enumerated reason and the words of whoever refused, cut to bounds. Pure."""

from __future__ import annotations

from sunward.cluster.access.api import ApiError
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput, NameTaken, SourceUnavailable
from sunward.domain.reasons import Reason

WORDS_LIMIT = 768
"""Characters of an error that a cause repeats; with what stands before them they fit into a condition."""


def cause_of(error: Exception) -> Cause:
    """Why an object could not be carried out; an unforeseen error is named by its type."""
    if isinstance(error, ApiError):
        return Cause(_refusal(error), f"{error.verb} {error.path}: {error.status} {words(error.message)}".strip())
    known = {
        InvalidInput: Reason.INVALID_SPEC,
        NameTaken: Reason.NAME_TAKEN,
        SourceUnavailable: Reason.DATA_UNAVAILABLE,
    }
    reason = known.get(type(error))
    if reason is not None:
        return Cause(reason, words(str(error)))
    return Cause(Reason.INTERNAL_ERROR, words(f"{type(error).__name__}: {error}"))


def words(text: str) -> str:
    """A text of foreign origin on one printable line, cut to its bound."""
    line = " ".join(text[: 4 * WORDS_LIMIT].split())
    printable = "".join(letter if letter.isprintable() else "?" for letter in line)
    return printable if len(printable) <= WORDS_LIMIT else f"{printable[: WORDS_LIMIT - 3]}..."


def is_unreachable(error: Exception) -> bool:
    """Whether the API server gave no answer at all."""
    return isinstance(error, ApiError) and error.status == 0


def may_pass(error: ApiError) -> bool:
    """Whether the same request may succeed later although nothing changes about its object."""
    return _refusal(error) in (Reason.API_SERVER_UNAVAILABLE, Reason.API_SERVER_BUSY, Reason.WRITE_CONFLICT)


def _refusal(error: ApiError) -> Reason:
    """Why the API server did not do as asked, by its status and, where that is not enough, by its words."""
    match error.status:
        case 403 if "exceeded quota" in error.message:
            return Reason.QUOTA_EXCEEDED
        case 401 | 403:
            return Reason.ACCESS_DENIED
        case 409:
            return Reason.WRITE_CONFLICT
        case 429:
            return Reason.API_SERVER_BUSY
        case status if status == 0 or (status >= 500 and "webhook" not in error.message):
            return Reason.API_SERVER_UNAVAILABLE
    return Reason.REQUEST_REFUSED
