"""The errors of the project, split first by one question: would trying again help?"""

from __future__ import annotations


class MigstatsError(Exception):
    """Base of all our errors: one sentence on what was found, where, and what to do about it."""


class TryAgainError(MigstatsError):
    """A passing fault: the same call may succeed later (network, time-out, server busy)."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        #: Seconds that the other side asked us to wait, or None where it did not say.
        self.retry_after = retry_after


class LaterError(TryAgainError):
    """The publisher prepares the answer: the same question gets it in a while."""


class PermanentError(MigstatsError):
    """Trying again gives the same answer: a person, a declaration or the publisher has to change."""


class DeclarationError(PermanentError):
    """A fact of ours is wrong: source.yaml, codes.csv, corrections.csv, a codelist, a suite."""


class PublisherError(PermanentError):
    """The publisher answered, and the answer is an error or is not what its contract says."""


class TooBigError(PublisherError):
    """More than the publisher answers at once: a part of it may be asked for."""


class DriftError(PublisherError):
    """The payload's shape moved: a column, sheet, header, dimension or code list changed."""


class DeniedError(PermanentError):
    """An action that policy forbids: a host that no source declares, a redirect elsewhere."""


class ValidationFailedError(PermanentError):
    """A critical expectation failed, or a suite could not be evaluated."""


class ConfigurationError(PermanentError):
    """A setting, connection or service of this installation is missing or wrong."""


class RefusedError(PermanentError):
    """A person rejected a candidate: nothing is wrong with the run, and nothing was loaded."""


class SupersededError(RefusedError):
    """Something newer took the place of a candidate, or is asked about: nothing is wrong, and nothing was loaded."""


class UndecidedError(PermanentError):
    """Nobody decided on a candidate in time, or the answer had no reason: it is not accepted."""
