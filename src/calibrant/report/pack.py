"""How is a run handed to somebody who does not trust it? One file with all that decides a verdict.

A pack holds the suite, every finished trial, the assessment and the report, with a manifest of
SHA-256 sums. Logs and the table of trials stay outside; the manifest has their sums.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from calibrant._files import write_whole
from calibrant._text import dumps
from calibrant._version import __version__
from calibrant.assurance.assessment import Assessment, read_assessment
from calibrant.bench.folder import JOURNAL
from calibrant.bench.folder import MANIFEST as RUN
from calibrant.errors import InputError, RunError, RunFolderError
from calibrant.report.archive import build
from calibrant.report.page import html
from calibrant.report.verify import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    README,
    file_sum,
    verify_members,
)


def pack(folder: str | Path) -> bytes:
    """The evidence pack of a run folder; the same run gives the same bytes.

    Raises:
        InputError: if the folder holds no finished assessment.
        RunError: if what it holds does not verify, such as a run that went on after its assessment.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: wanted a run folder")
    assessment = read_assessment(folder)
    journal = _read(folder / JOURNAL)
    members = {
        "README.txt": README.encode("utf-8"),
        "assessment.json": _read(folder / "assessment.json"),
        "journal.jsonl": journal[: journal.rfind(b"\n") + 1],
        "report.html": html(assessment).encode("utf-8"),
        "run.json": _read(folder / RUN),
        "suite.yaml": assessment.provenance.suite_text.encode("utf-8", "replace"),
    }
    members[MANIFEST] = manifest(assessment, members, _left_out(folder, assessment))
    failed = next((c for c in verify_members(members, report=False) if not c.ok), None)
    if failed is not None:
        raise RunError(f"{folder}: would not verify: {failed.name}: {failed.detail}")
    return build(members)


def write_pack(folder: str | Path, path: str | Path) -> str:
    """Write the evidence pack of a run folder, whole or not at all; return its SHA-256.

    Raises:
        InputError, RunError: as `pack`.
        RunFolderError: if the file cannot be written.
    """
    data = pack(folder)
    try:
        write_whole(Path(path), data)
    except OSError as e:
        raise RunFolderError(f"{path}: cannot be written ({e.strerror or e})") from e
    return hashlib.sha256(data).hexdigest()


def manifest(assessment: Assessment, members: dict[str, bytes], left_out: dict[str, Any]) -> bytes:
    """The manifest of a pack with these members."""
    return (
        dumps(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "calibrant": __version__,
                "suite": assessment.suite,
                "subject": assessment.subject,
                "verdict": assessment.verdict,
                "files": {
                    name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
                    for name, data in sorted(members.items())
                },
                "left_out": left_out,
            },
            indent=1,
        ).encode()
        + b"\n"
    )


def statement(assessment: Assessment, name: str, sha256: str) -> dict[str, Any]:
    """An in-toto statement (v1, test-result v0.1) about a pack, ready to be signed.

    Args:
        name: the file name of the pack.
        sha256: its digest.
    """
    names: dict[str, list[str]] = {"supported": [], "undetermined": [], "refuted": []}
    for c in assessment.claims:
        names[c.verdict].append(c.claim.name)
    result = {"supported": "PASSED", "undetermined": "WARNED", "refuted": "FAILED"}
    suite = {"name": "suite.yaml", "digest": {"sha256": assessment.provenance.suite_sha256}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sha256}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": result[assessment.verdict],
            "configuration": [suite],
            "passedTests": names["supported"],
            "warnedTests": names["undetermined"],
            "failedTests": names["refuted"],
        },
    }


def _left_out(folder: Path, assessment: Assessment) -> dict[str, Any]:
    """Sums of what stays outside; null for a log that is not there any more."""
    found: dict[str, Any] = {}
    for name in sorted([*assessment.provenance.logs, "trials.parquet"]):
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{folder}: assessment.json names a log outside the folder")
        found[name] = file_sum(file) if file.is_file() else None
    return found


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as e:
        raise InputError(f"{file}: cannot be read ({e.strerror}); wanted a run folder") from e
