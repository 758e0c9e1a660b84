"""What is there to export? A run folder, or an assessment alone."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calibrant.assurance.assessment import Assessment, read_assessment
from calibrant.bench.folder import JOURNAL, read_manifest
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.records import content_hash

if TYPE_CHECKING:
    import polars as pl

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "calibrant exports")
"""Identifiers of exports are uuid5 of content in this namespace: same content, same identifier."""


@dataclass(frozen=True)
class Run:
    """An assessment, and the run folder it lies in if there is one.

    Attributes:
        assessment: the claims with their verdicts.
        folder: the run folder; None for an assessment alone, which has no trials.
    """

    assessment: Assessment
    folder: Path | None = None

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" in {self.folder}"
        return f"run of {self.assessment.suite!r}{where}: {self.assessment.verdict}"

    def trials(self) -> pl.DataFrame:
        """The table of trials.

        Raises:
            InputError: if there is none.
        """
        from calibrant.records import read_parquet

        return read_parquet(self._folder("trials") / "trials.parquet")

    def journal(self) -> list[Trial]:
        """Every finished trial, by instrument and position.

        Raises:
            InputError: if there is none, or a line is not a trial.
        """
        file = self._folder("trials") / JOURNAL
        try:
            data = file.read_bytes()
        except OSError as e:
            raise InputError(f"{file}: cannot be read ({e.strerror})") from e
        return parse_journal(data, str(file))

    def suite(self) -> dict[str, Any]:
        """The suite with every default, as run.json has it; empty for an assessment alone."""
        suite = read_manifest(self.folder).get("suite") if self.folder is not None else None
        return suite if isinstance(suite, dict) else {}

    def _folder(self, what: str) -> Path:
        if self.folder is None:
            raise InputError(f"{what}: wanted a run folder, got an assessment alone")
        return self.folder


def read_run(path: str | Path) -> Run:
    """Read a run folder, or an assessment.json with what lies beside it.

    Raises:
        InputError: if there is no assessment.
    """
    path = Path(path)
    assessment = read_assessment(path)
    folder = path if path.is_dir() else path.parent
    return Run(assessment, folder if (folder / JOURNAL).is_file() else None)


def parse_journal(data: bytes, where: str) -> list[Trial]:
    """The trials of a journal, by instrument and position; a torn last line is left out.

    Raises:
        InputError: naming the line, if one is not a finished trial.
    """
    trials: dict[tuple[str, int], Trial] = {}
    for number, line in enumerate(data.rpartition(b"\n")[0].splitlines(), 1):
        try:
            trial = Trial.from_dict(json.loads(line))
            key = (str(trial.instrument), int(trial.position))
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as e:
            raise InputError(f"{where}: line {number} is not a finished trial ({e})") from e
        trials.setdefault(key, trial)
    return [trials[k] for k in sorted(trials)]


def identity(assessment: Assessment) -> str:
    """A SHA-256 of all that an assessment says."""
    return content_hash(assessment.to_dict())


def ident(assessment: Assessment, *parts: str) -> str:
    """A UUID (version 5) of an assessment and the part meant: the same for the same content."""
    return str(uuid.uuid5(NAMESPACE, "\n".join([identity(assessment), *parts])))
