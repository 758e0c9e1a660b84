"""How do other tools read an assessment? One small file per format, each a pure function of a run.

The same run gives the same bytes: identifiers are made from content, times are the run's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from calibrant._files import write_whole
from calibrant.errors import InputError, RunFolderError
from calibrant.report.exports.source import Run


@dataclass(frozen=True)
class Format:
    """One format: its name, the file name it gets by default, and who reads it."""

    name: str
    file: str
    what: str

    def render(self, run: Run, file: str | None = None) -> dict[str, bytes]:
        """The files of this export by name: the one called `file`, and any that go beside it."""
        module = import_module(f"calibrant.report.exports.{self.name}")
        rendered: dict[str, bytes] = module.render(run, file or self.file)
        return rendered


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("html", "report.html", "the report for people"),
        Format("junit", "junit.xml", "JUnit XML for CI servers"),
        Format("sarif", "calibrant.sarif", "SARIF 2.1.0 for code scanning"),
        Format("markdown", "assessment.md", "a summary for a pull request"),
        Format("eee", "every-eval-ever.json", "Every Eval Ever 0.3.0, with instances beside it"),
        Format("oscal", "oscal-assessment-results.json", "NIST OSCAL 1.1.3 assessment results"),
        Format("croissant", "croissant.json", "Croissant 1.1 metadata, with the items beside it"),
        Format("csv", "trials.csv", "the trials as a table, safe for spreadsheets"),
        Format("parquet", "trials.parquet", "the trials as a table, exactly as kept"),
    )
}
"""Every format by name; `html` is the default of `calibrant report`."""


def export(run: Run, name: str, target: Path) -> list[Path]:
    """Write one format of `run` to `target`, each file whole or not at all; return the files.

    Args:
        run: what to export.
        name: a key of `FORMATS`.
        target: a file; what goes beside it is named after it.

    Raises:
        InputError: if there is no such format, or the run lacks what it needs.
        RunFolderError: if a file cannot be written.
    """
    if name not in FORMATS:
        raise InputError(f"format: wanted one of {', '.join(FORMATS)}, got {name!r}")
    if (
        name == "parquet"
        and run.folder is not None
        and _same(target, run.folder / "trials.parquet")
    ):
        run.trials()
        return [target]  # the run's own table; it is never written over
    return write_files(FORMATS[name].render(run, target.name), target.parent)


def write_files(files: dict[str, bytes], folder: Path) -> list[Path]:
    """Write files into a folder, each whole or not at all; return their paths.

    Raises:
        RunFolderError: if one cannot be written.
    """
    written = []
    for name, data in files.items():
        path = folder / name
        try:
            write_whole(path, data)
        except OSError as e:
            raise RunFolderError(f"{path}: cannot be written ({e.strerror or e})") from e
        written.append(path)
    return written


def _same(a: Path, b: Path) -> bool:
    return a.exists() and b.exists() and a.samefile(b)


__all__ = ["FORMATS", "Format", "Run", "export", "write_files"]
