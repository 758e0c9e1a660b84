"""Do these trials give this assessment? Every claim followed again, without a model or an item.

What a run knows and trials do not (how many items a data set has, what an instrument says of
itself) is taken from the assessment; all else is computed from the suite and the trials.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.assurance.conclude import Session, conclude
from calibrant.assurance.evidence import Evidence
from calibrant.assurance.exposed import ExposureEvidence
from calibrant.assurance.plan import Plan, PlannedClaim, plan_claim
from calibrant.assurance.suite import Claim, Suite
from calibrant.bench.folder import RunFolder
from calibrant.bench.streams import Stream, stream_key
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.judges.card import Held
from calibrant.judges.gold import Study

REL, ABS = 1e-6, 1e-9
"""Two numbers within these tolerances are the same: other processors round otherwise."""

NOT_RECOMPUTED = {"schema_version", "folder", "claims", "provenance"}
_PROVENANCE = ("suite_sha256", "suite_text", "seed", "items_sha256", "subject", "started",
               "sessions")  # fmt: skip


def recompute(
    stated: Assessment, suite: Suite, trials: Sequence[Trial], manifest: Mapping[str, Any]
) -> Assessment:
    """The assessment that a suite and its trials amount to.

    Args:
        stated: what the assessment of the run says; sizes of data sets are taken from it.
        suite: the suite with every default.
        trials: every finished trial, in order of arrival.
        manifest: the facts in run.json.

    Raises:
        InputError: if the claims are not those of the suite, or a trial lacks a claimed score.
    """
    names = [c.claim.name for c in stated.claims]
    wanted = [c.name for c in suite.claims]
    if names != wanted:
        raise InputError(f"claims: wanted those of the suite, {wanted!r}, got {names!r}")
    # No folder is opened: its path is one where nothing can lie.
    folder = RunFolder(Path(os.devnull) / "run")
    folder.manifest = dict(manifest)
    folder.trials = {(t.instrument, t.position): t for t in trials}
    streams: dict[str, Stream] = {}
    keys: dict[str, str] = {}
    for claim, result in zip(suite.claims, stated.claims, strict=True):
        stream = _stream(claim, result)
        if streams.setdefault(stream.key, stream).size != stream.size:
            raise InputError(f"claim {claim.name!r}: population: two sizes for {stream.key}")
        keys[claim.name] = stream.key
    studies, cards = _graders(manifest)
    planned = tuple(
        plan_claim(c, streams[keys[c.name]].size, studies.get(c.name)) for c in suite.claims
    )
    evidence = [_follow(p, keys[p.claim.name], folder) for p in planned]
    text = stated.provenance.suite_text
    stopped_by = manifest.get("stopped_by")
    session = Session(
        suite=suite,
        text=text,
        sha256=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
        plan=Plan(suite, planned, ()),
        streams=streams,
        keys=keys,
        stopped_by=None if stopped_by is None else str(stopped_by),
        command=stated.provenance.command,
        cards=cards,
        exposure=_exposure(manifest),
        finished=stated.provenance.finished,
    )
    return conclude(session, evidence, folder)


def _graders(manifest: Mapping[str, Any]) -> tuple[dict[str, Study], dict[str, Held]]:
    """Gold labels by claim and cards by score, from the facts of a run."""
    given = manifest.get("graders", {})
    try:
        gold = TypeAdapter(dict[str, Study]).validate_python(given.get("gold", {}))
        cards = TypeAdapter(dict[str, Held]).validate_python(given.get("cards", {}))
    except (AttributeError, ValidationError) as e:
        raise InputError("graders: not gold labels and cards") from e
    return gold, cards


def _exposure(manifest: Mapping[str, Any]) -> dict[str, ExposureEvidence]:
    """Evidence of exposure by claim, from the facts of a run."""
    given = manifest.get("exposure", {})
    try:
        return TypeAdapter(dict[str, ExposureEvidence]).validate_python(given)
    except ValidationError as e:
        raise InputError("exposure: not evidence of exposure") from e


def _follow(planned: PlannedClaim, key: str, folder: RunFolder) -> Evidence:
    evidence = Evidence(planned.claim, planned.design, planned.study)
    position = 0
    while evidence.open and (trial := folder.trials.get((key, position))) is not None:
        evidence.take(trial)
        position += 1
    return evidence


def _stream(claim: Claim, result: ClaimResult) -> Stream:
    """What is known of an instrument without opening it."""
    key = stream_key(claim.instrument, claim.args)
    # The instrument's own words are quoted in the first assumption, and nowhere else.
    first = result.assumptions[0] if result.assumptions else ""
    title = first.partition(f"({key}: ")[2].removesuffix(").")
    return Stream(key, title, result.population.size, None, _absent, _absent, _absent)


def _absent(*_: object) -> NoReturn:
    raise InputError("instrument: its items are not here")


def claim_differences(stated: ClaimResult, found: ClaimResult) -> list[str]:
    """Where a claim's stated result is not the one its trials give; empty if nowhere."""
    return list(_differences(stated.model_dump(mode="json"), found.model_dump(mode="json")))


def overall_differences(stated: Assessment, found: Assessment) -> list[str]:
    """Where the rest of an assessment is not what the run gives; empty if nowhere."""
    left, right = (a.model_dump(mode="json", exclude=NOT_RECOMPUTED) for a in (stated, found))
    for name in _PROVENANCE:
        left[f"provenance.{name}"] = getattr(stated.provenance, name)
        right[f"provenance.{name}"] = getattr(found.provenance, name)
    return list(_differences(left, right))


def _differences(stated: Any, found: Any, at: str = "") -> Iterator[str]:
    if isinstance(stated, dict) and isinstance(found, dict):
        for key in sorted({*stated, *found}):
            place = f"{at}.{key}" if at else str(key)
            yield from _differences(stated.get(key), found.get(key), place)
    elif isinstance(stated, list) and isinstance(found, list):
        if len(stated) != len(found):
            yield f"{at}: {len(stated)} stated, the trials give {len(found)}"
            return
        for i, (a, b) in enumerate(zip(stated, found, strict=True)):
            yield from _differences(a, b, f"{at}[{i}]")
    elif not _same(stated, found):
        yield f"{at}: {_short(stated)} stated, the trials give {_short(found)}"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or math.isclose(a, b, rel_tol=REL, abs_tol=ABS)
    return bool(a == b)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
