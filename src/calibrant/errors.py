"""What can go wrong, as types: each subclasses the builtin a caller would catch."""

from __future__ import annotations

from typing import Any


class CalibrantError(Exception):
    """Base of every error calibrant raises on purpose; its message is one line."""


class InputError(CalibrantError, ValueError):
    """A file, key or value given by the user is wrong.

    The message names where it is, what was wanted and what was found.
    """


class DesignError(InputError):
    """A test design that cannot exist, such as a threshold outside 0–1."""


class UnfitError(InputError):
    """A model cannot be fitted to this data: too few points, families or scales; says why."""


class SubjectError(CalibrantError, RuntimeError):
    """The subject under test cannot be used: no such model, no weights, no key."""


class WeightsError(SubjectError):
    """Model weights could not be fetched, or are not the ones expected."""


class RunError(CalibrantError, RuntimeError):
    """A run could not go on; whatever had finished is kept on disk."""


class RunFolderError(RunError, OSError):
    """The run folder cannot be used: unwritable, full, locked, or another suite's."""


class GateError(CalibrantError, RuntimeError):
    """A model's numbers may not be reported, as a check of it failed.

    Attributes:
        gates: every check with its value and limit, as plain data.
    """

    def __init__(self, message: str, gates: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.gates = gates
