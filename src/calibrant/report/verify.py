"""Does this pack hold what it says? Its sums, and every verdict followed again over its trials.

A pack is somebody else's file: nothing in it is trusted, extracted or run. What fails is one line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from calibrant._settings import LARGEST_FILE
from calibrant._text import dumps, one_line
from calibrant._version import __version__
from calibrant.assurance.assessment import Assessment
from calibrant.assurance.recompute import claim_differences, overall_differences, recompute
from calibrant.assurance.suite import Suite, parse_suite
from calibrant.assurance.thresholds import CutUsed, with_cuts
from calibrant.bench.trial import Trial
from calibrant.errors import CalibrantError, InputError
from calibrant.instruments import NAMES, load
from calibrant.report.archive import NotAPack, read
from calibrant.report.exports.facts import rate_words
from calibrant.report.page import html

FORMAT, FORMAT_VERSION, MANIFEST = "calibrant evidence pack", 1, "manifest.json"

MEMBERS = ("README.txt", "assessment.json", "journal.jsonl", "report.html", "run.json",
           "suite.yaml")  # fmt: skip
"""What a pack holds beside its manifest: these and nothing else."""

MOST_SHOWN = 3
"""Differences shown of one check."""

LARGEST_EXPANDED = 1_000_000
"""Nodes of a suite's YAML with its aliases written out."""


README = """An evidence pack of calibrant
==============================

What was claimed about an AI system, every trial, and the verdicts that follow from them.

  report.html      the report for people; open it in a browser
  assessment.json  the verdicts with their evidence
  suite.yaml       the claims
  journal.jsonl    every finished trial, one a line
  run.json         the suite with every default, and when the run took place
  manifest.json    SHA-256 sums of these files, and of the logs that stayed outside

To check it, without a network and without a model:

  calibrant verify PACK

That compares the sums, follows every claim's stopping rule over the trials again, and says where
verdicts, counts or intervals are not what the trials give. It cannot tell whether the trials took
place: for that, compare the SHA-256 of the pack with one you were given another way.
"""


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Attributes:
        name: what.
        ok: whether it is as it should be.
        detail: what was found, in one line.
    """

    name: str
    ok: bool
    detail: str

    def __repr__(self) -> str:
        return one_line(f"{'ok' if self.ok else 'FAILED'}  {self.name}: {self.detail}", 1000)


@dataclass(frozen=True)
class Verification:
    """What checking a pack gave."""

    pack: str
    sha256: str
    checks: tuple[Check, ...]

    @property
    def verified(self) -> bool:
        """Whether every check passed."""
        return all(c.ok for c in self.checks)

    @property
    def exit_code(self) -> int:
        """0 if it verifies, else 1."""
        return 0 if self.verified else 1

    def __repr__(self) -> str:
        failed = sum(not c.ok for c in self.checks)
        n = len(self.checks)
        said = f"all {n} checks passed" if self.verified else f"{failed} of {n} checks failed"
        return one_line(
            f"{self.pack}: {'verified' if self.verified else 'does not verify'}, {said}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "pack": self.pack,
            "sha256": self.sha256,
            "verified": self.verified,
            "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in self.checks],
        }


def verify(path: str | Path, *, run: str | Path | None = None) -> Verification:
    """Check a pack offline: sums, suite, trials, every verdict, and the report.

    Args:
        path: the pack.
        run: a folder with the files that stayed outside, to compare their sums too.

    Raises:
        NotAPack: if the file is no evidence pack.
    """
    path = Path(path)
    members, canonical = read(path)
    form = "as calibrant writes it" if canonical else "holds bytes that belong to no member"
    checks = [Check("archive", canonical, form), *verify_members(members, str(path))]
    if run is not None:
        checks += _outside(_manifest(members, str(path)), Path(run))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Verification(str(path), digest, tuple(checks))


def verify_members(
    members: Mapping[str, bytes], where: str = "pack", *, report: bool = True
) -> Iterator[Check]:
    """Check the members of a pack, one thing after the other, the cheap ones first.

    Args:
        report: make the report again to compare it, which takes longest.

    Raises:
        NotAPack: if there is no manifest of a pack among them.
    """
    manifest = _manifest(members, where)
    yield _sums(manifest, members)
    if any(name not in members for name in MEMBERS):
        return  # what is missing has been named
    try:
        stated = Assessment.model_validate_json(members["assessment.json"])
        facts = _object(members["run.json"], "run.json")
        suite = parse_suite(_mapping(facts.get("suite"), "run.json: suite"), "run.json")
        written = _suite(suite, facts, stated, members["suite.yaml"])
        trials = _trials(members["journal.jsonl"])
    except ValidationError as e:
        error = e.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(p) for p in error["loc"])
        yield Check("assessment", False, f"{place}: {error['msg']}")
        return
    except (CalibrantError, ValueError, RecursionError) as e:
        yield Check("contents", False, str(e))
        return
    yield written
    yield Check("trials", True, f"{len(trials):,} finished trials, each once")
    yield _assessment(manifest, stated, members["assessment.json"])
    yield from _verdicts(stated, suite, trials, facts)
    yield from _items(suite, trials)
    same = members["README.txt"] == README.encode("utf-8")
    yield Check("readme", same, "README.txt is calibrant's" if same else "is another's")
    if report:
        yield _report(stated, members["report.html"])


def file_sum(file: Path) -> dict[str, Any]:
    """SHA-256 and size of a file.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with file.open("rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        return {"sha256": digest, "bytes": file.stat().st_size}
    except OSError as e:
        raise InputError(f"{file}: cannot be read ({e.strerror})") from e


def _manifest(members: Mapping[str, bytes], where: str) -> dict[str, Any]:
    if MANIFEST not in members:
        raise NotAPack(f"{where}: not a pack: no {MANIFEST}")
    try:
        manifest = _object(members[MANIFEST], MANIFEST)
    except ValueError as e:
        raise NotAPack(f"{where}: not a pack: {e}") from e
    if manifest.get("format") != FORMAT:
        raise NotAPack(f"{where}: not a pack: {MANIFEST} is not one of calibrant")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise NotAPack(
            f"{where}: format_version: wanted {FORMAT_VERSION}, which calibrant {__version__} "
            f"reads, got {one_line(repr(manifest.get('format_version')), 40)}"
        )
    return manifest


def _sums(manifest: dict[str, Any], members: Mapping[str, bytes]) -> Check:
    listed = manifest.get("files")
    listed = listed if isinstance(listed, dict) else {}
    present = set(members) - {MANIFEST}
    wrong = [f"{n} is missing" for n in MEMBERS if n not in present]
    wrong += [f"{n} is listed but missing" for n in sorted({*listed} - present - {*MEMBERS})]
    wrong += [f"{n} does not belong in a pack" for n in sorted(present - {*MEMBERS})]
    for name in sorted(present & {*MEMBERS}):
        found = hashlib.sha256(members[name]).hexdigest()
        if name not in listed:
            wrong.append(f"{name} is not listed")
        elif listed[name] != {"sha256": found, "bytes": len(members[name])}:
            wrong.append(f"{name} is not the file that was listed")
    return _check("sums", wrong, f"{len(present)} files are those listed, and no other")


def _suite(suite: Suite, facts: dict[str, Any], stated: Assessment, text: bytes) -> Check:
    wrong = []
    said = stated.provenance.suite_text.encode("utf-8", "replace")
    if text != said:
        wrong.append("suite.yaml is not the suite text of assessment.json")
    if facts.get("fingerprint") != suite.fingerprint():
        wrong.append("run.json: fingerprint is not that of its suite")
    written = _written_suite(text, {c.name: c.cut for c in suite.claims if c.cut is not None})
    if written.claims != suite.claims:
        wrong.append("run.json: the claims are not those of suite.yaml")
    n = len(suite.claims)
    return _check("suite", wrong, f"{n} claim{'s' * (n != 1)}, as written in suite.yaml")


def _written_suite(text: bytes, cuts: Mapping[str, CutUsed]) -> Suite:
    """The suite as it was written; the files of its cuts are known from the facts of the run."""
    if len(text) > LARGEST_FILE:
        raise InputError("suite.yaml: too large to be a suite")
    try:
        node = yaml.compose(text.decode("utf-8"), Loader=yaml.SafeLoader)
        if _expanded(node, {}) > LARGEST_EXPANDED:
            raise InputError("suite.yaml: its aliases expand without end")
        data = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise InputError("suite.yaml: not valid YAML") from e
    data = _mapping(data, "suite.yaml")
    # The subject may have been given on the command line only.
    data = with_cuts(data, "suite.yaml", Path(os.devnull), cuts)
    return parse_suite({"subject": "unknown", **data, "max_cost": None}, "suite.yaml")


def _expanded(node: yaml.Node | None, known: dict[int, int]) -> int:
    """How many nodes a YAML document has with its aliases written out."""
    if node is None or not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = LARGEST_EXPANDED + 1  # an alias to what it is part of
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in parts for part in pair]
        known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(node)]


def _trials(journal: bytes) -> list[Trial]:
    adapter = TypeAdapter(Trial)
    trials: dict[tuple[str, int], Trial] = {}
    lines = journal.split(b"\n")
    if lines.pop():
        raise InputError("journal.jsonl: its last line is torn")
    for number, line in enumerate(lines, 1):
        try:
            trial = adapter.validate_json(line, strict=True)
            written = dumps(trial.to_dict()).encode()
        except (ValueError, RecursionError) as e:
            raise InputError(f"journal.jsonl: line {number} is not a finished trial") from e
        if written != line:
            raise InputError(f"journal.jsonl: line {number} is not as calibrant writes a trial")
        key = (trial.instrument, trial.position)
        if key in trials:
            raise InputError(f"journal.jsonl: line {number} is a trial that was there before")
        trials[key] = trial
    return list(trials.values())


def _assessment(manifest: dict[str, Any], stated: Assessment, text: bytes) -> Check:
    wrong = [
        f"{MANIFEST}: {key} is not that of assessment.json"
        for key in ("suite", "subject", "verdict")
        if manifest.get(key) != getattr(stated, key)
    ]
    outside = manifest.get("left_out")
    named = {*stated.provenance.logs, "trials.parquet"}
    if not isinstance(outside, dict) or {*outside} != named:
        wrong.append(f"{MANIFEST}: left_out does not name the logs of assessment.json")
    if text != (stated.to_json() + "\n").encode():
        wrong.append("assessment.json is not as calibrant writes it")
    return _check("assessment", wrong, f"{stated.subject} by {stated.suite}: {stated.verdict}")


def _verdicts(
    stated: Assessment, suite: Suite, trials: list[Trial], facts: dict[str, Any]
) -> Iterator[Check]:
    try:
        found = recompute(stated, suite, trials, facts)
    except (CalibrantError, ValueError, TypeError) as e:
        yield Check("verdicts", False, f"cannot be recomputed: {e}")
        return
    for a, b in zip(stated.claims, found.claims, strict=True):
        good = (
            f"{a.verdict}, {a.counted:,} of {a.trials - a.missing:,} counted, {a.missing:,} "
            f"missing, {rate_words(a)}, recomputed from the trials"
        )
        yield _check(f"claim {one_line(a.claim.name, 80)!r}", claim_differences(a, b), good)
    good = f"{stated.verdict} over all claims; usage, seed and hashes of items recomputed"
    yield _check("verdict", overall_differences(stated, found), good)


def _items(suite: Suite, trials: list[Trial]) -> Iterator[Check]:
    """Items of calibrant's own instruments, made again from the seed."""
    own = {c.instrument for c in suite.claims if c.instrument.removeprefix("calibrant/") in NAMES}
    for name in sorted(own):
        instrument = load(name.removeprefix("calibrant/"))
        mine = [t for t in trials if t.instrument == name]
        wrong = [
            f"position {t.position} is not the item that seed {suite.seed} gives"
            for t in mine
            if t.position < 0 or instrument.item(suite.seed, t.position).hash != t.item
        ]
        good = f"{len(mine):,} items are those that seed {suite.seed} gives"
        yield _check(f"items of {name}", wrong, good)


def _report(stated: Assessment, report: bytes) -> Check:
    ok = report == html(stated).encode("utf-8")
    made_by = stated.provenance.versions.get("calibrant", "unknown")
    return Check(
        "report",
        ok,
        "report.html is made from the assessment, to the last byte"
        if ok
        else f"report.html is not what calibrant {__version__} makes of the assessment "
        f"(the run was made with {one_line(made_by, 40)})",
    )


def _outside(manifest: dict[str, Any], folder: Path) -> Iterator[Check]:
    listed = manifest.get("left_out")
    root = folder.resolve()
    for name, stated in sorted((listed if isinstance(listed, dict) else {}).items()):
        file = folder / name
        label = f"outside {one_line(name, 120)!r}"
        if not file.resolve().is_relative_to(root):
            yield Check(label, False, "lies outside the folder")
        elif stated is None:
            yield Check(label, True, "was gone when the pack was made")
        elif not file.is_file():
            yield Check(label, False, f"is not in {folder}")
        else:
            wrong = [] if file_sum(file) == stated else ["is not the file that was listed"]
            yield _check(label, wrong, "is the file that was listed")


def _check(name: str, wrong: list[str], good: str) -> Check:
    if not wrong:
        return Check(name, True, good)
    more = f"; and {len(wrong) - MOST_SHOWN} more" if len(wrong) > MOST_SHOWN else ""
    return Check(name, False, "; ".join(wrong[:MOST_SHOWN]) + more)


def _object(data: bytes, where: str) -> dict[str, Any]:
    try:
        return _mapping(json.loads(data), where)
    except (ValueError, RecursionError) as e:
        raise InputError(f"{where}: not a JSON object") from e


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: wanted an object, got {type(value).__name__}")
    return value
