"""What does an adaptive test say? From its answers to the result, with what a reader must know."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import polars as pl

from calibrant._text import one_line
from calibrant._version import __version__
from calibrant.bench.adaptive.config import AdaptFile
from calibrant.bench.adaptive.items import Places
from calibrant.bench.adaptive.result import Adapted
from calibrant.bench.adaptive.test import Test
from calibrant.quality.shorter.engine import Engine
from calibrant.quality.shorter.evidence import BASELINES
from calibrant.records.trials import trials_frame


@dataclass(frozen=True)
class Conclusion:
    """All that the result is made of.

    Attributes:
        engine_sha256: of the engine's file.
        manifest: facts of the run.
    """

    given: AdaptFile
    engine: Engine
    engine_sha256: str
    test: Test
    places: Places
    manifest: Mapping[str, Any]


def conclude(found: Conclusion, folder: str) -> Adapted:
    """The outcome of a test that has ended."""
    test, given, engine = found.test, found.given, found.engine
    estimate = test.session.estimate()
    costs = [t.cost for t in test.trials if t.cost is not None]
    many = len(test.asked)
    scale = engine.high - engine.low
    return Adapted(
        subject=given.subject,
        instrument=test.stream.key.removeprefix("adapt/"),
        value=estimate.value,
        standard_error=estimate.standard_error,
        interval=(estimate.low, estimate.high),
        level=estimate.level,
        benchmark_items=len(engine.items),
        asked=tuple(test.asked),
        path=tuple(test.path),
        failed=sum(a.score is None for a in test.asked),
        stopped=test.reason or "",
        claim=_claim(given, test),
        baselines=tuple(
            engine.evidence.error_of(name, many, scale=scale).to_dict()
            for name in (given.pick, *BASELINES)
        ),
        bank_check={"verdict": engine.verdict, "reasons": list(engine.reasons)},
        absent=found.places.absent,
        input_tokens=sum(t.input_tokens for t in test.trials),
        output_tokens=sum(t.output_tokens for t in test.trials),
        cost=sum(costs) if costs else None,
        provenance=_provenance(found),
        warnings=_warnings(found),
        notes=_notes(found),
        folder=folder,
    )


def table(test: Test, given: AdaptFile, run: str) -> pl.DataFrame:
    """The trials table of a test; items are called as they were when calibrated."""
    rows = []
    for (name, batch), trial, asked in zip(test.chosen, test.trials, test.asked, strict=False):
        rows.append({
            "run": run, "subject": given.subject, "instrument": trial.instrument, "item": name,
            "cluster": trial.family, "variant": trial.variant, "epoch": 1,
            "grader": test.score or "score", "score": asked.score, "answer": trial.answer,
            "error": asked.error, "input_tokens": trial.input_tokens,
            "output_tokens": trial.output_tokens, "seconds": trial.seconds, "cost": trial.cost,
            "time": datetime.fromisoformat(trial.time).astimezone(UTC) if trial.time else None,
            "metadata": {"position": trial.position, "batch": batch},
        })  # fmt: skip
    return trials_frame(rows)


def _claim(given: AdaptFile, test: Test) -> dict[str, Any] | None:
    if given.claim is None:
        return None
    above = given.claim.above is not None
    return {
        "relation": "above" if above else "below",
        "threshold": given.claim.above if above else given.claim.below,
        "alpha": given.claim.alpha,
        "verdict": test.verdict,
    }


def _provenance(found: Conclusion) -> dict[str, Any]:
    return {
        "seed": found.given.seed,
        "fingerprint": found.given.fingerprint(found.engine_sha256),
        "test": found.given.model_dump(mode="json"),
        "engine_sha256": found.engine_sha256,
        "subject": found.manifest.get("subject", {}),
        "started": found.manifest.get("started"),
        "versions": {
            "calibrant": __version__,
            "inspect_ai": version("inspect_ai"),
            "numpy": version("numpy"),
            "python": platform.python_version(),
        },
    }


def _warnings(found: Conclusion) -> tuple[str, ...]:
    out = []
    failed = [a for a in found.test.asked if a.score is None]
    if failed:
        out.append(
            f"{len(failed)} of {len(found.test.asked)} trials failed; their items are predicted "
            f"like those not asked; the first: {one_line(failed[0].error or '', 200)}"
        )
    if found.given.force and not found.engine.fine:
        out.append(
            f"forced: the items were found {found.engine.verdict}, and what is chosen among them "
            "may predict worse than a random sample"
        )
    if found.places.changed:
        out.append(
            f"{len(found.places.changed)} calibrated items have another text now, such as "
            f"{one_line(found.places.changed[0], 60)}, and are not asked"
        )
    return tuple(out)


def _notes(found: Conclusion) -> tuple[str, ...]:
    engine = found.engine
    out = [
        f"the interval was measured on {engine.subjects} subjects of {engine.families} families, "
        "each family held out in turn; of a subject unlike any of them it may not hold",
    ]
    absent = len(found.places.absent) - len(found.places.changed)
    if absent:
        out.append(
            f"{absent} of {len(engine.items):,} calibrated items are not in the instrument; they "
            "are predicted and never asked"
        )
    if found.given.claim is not None:
        out.append(
            f"the claim is decided by an interval at level {1 - found.given.claim.alpha:g} that "
            "may be watched at every batch"
        )
    return tuple(out)
