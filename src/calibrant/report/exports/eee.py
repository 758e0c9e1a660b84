"""The assessment as an Every Eval Ever 0.3.0 record: a result per claim, and an instance per trial.

What the schema has no field for lies in `additional_details`. Instances are written beside the
record as JSON lines when the run folder is there. A failed trial has no score, which an instance
must have: such trials are left out of the instances, and counted in the record.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import datetime
from pathlib import PurePath
from typing import Any

from calibrant._text import dumps, one_line
from calibrant._version import __version__
from calibrant.assurance.assessment import Assessment, ClaimResult
from calibrant.report.exports.eee_instances import instances
from calibrant.report.exports.facts import text, texts
from calibrant.report.exports.source import Run, ident, identity

SCHEMA_VERSION = "0.3.0"

_ARGUMENTS = ("temperature", "top_p", "top_k", "max_tokens")


def render(run: Run, file: str) -> dict[str, bytes]:
    """The record, called `file`; and its instances as STEM_samples.jsonl if there are trials."""
    assessment = run.assessment
    record = aggregate(run)
    if run.folder is None:
        return {file: dumps(record, indent=1).encode() + b"\n"}
    results = {c.claim.name: ident(assessment, "eee", c.claim.name) for c in assessment.claims}
    rows = instances(assessment, run.journal(), record["evaluation_id"], results)
    data = b"".join(dumps(row).encode() + b"\n" for row in rows)
    record["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": canonical_path(assessment),
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(data).hexdigest(),
        "total_rows": len(rows),
    }
    beside = f"{PurePath(file).stem}_samples.jsonl"
    return {file: dumps(record, indent=1).encode() + b"\n", beside: data}


def canonical_path(assessment: Assessment) -> str:
    """Where the instances belong in the Every Eval Ever repository."""
    # The repository asks for the form of a random UUID; this one is made from content.
    name = uuid.UUID(bytes=bytes.fromhex(identity(assessment))[:16], version=4)
    platform, _, model = assessment.subject.partition("/")
    parts = [_segment(p) for p in (assessment.suite, platform, model or platform)]
    return f"data/{'/'.join(parts)}/{name}_samples.jsonl"


def aggregate(run: Run) -> dict[str, Any]:
    """The record of the whole assessment, without the reference to its instances."""
    a = run.assessment
    p = a.provenance
    finished = _epoch(p.finished)
    unscored = [c.claim.name for c in a.claims if c.estimate.value is None]
    details = {
        "verdict": a.verdict,
        "stopped_by": text(a.stopped_by),
        "suite_sha256": p.suite_sha256,
        "seed": str(p.seed),
        "command": one_line(p.command, 2000),
        "platform": p.platform,
        "sessions": str(p.sessions),
    }
    if unscored:
        details["claims_without_any_score"] = one_line(", ".join(unscored), 2000)
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{one_line(a.suite)}/{one_line(a.subject)}/{finished}",
        "evaluation_timestamp": p.finished,
        "retrieved_timestamp": finished,
        "source_metadata": {
            "source_name": one_line(f"calibrant suite {a.suite}"),
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
            "additional_details": details,
        },
        "eval_library": {
            "name": "calibrant",
            "version": p.versions.get("calibrant", __version__),
            "additional_details": {one_line(k): one_line(v) for k, v in p.versions.items()},
        },
        "model_info": _model(a),
        "evaluation_results": [_result(run, c) for c in a.claims if c.estimate.value is not None],
    }


def _model(a: Assessment) -> dict[str, Any]:
    local = a.subject.startswith("local/")
    known = a.provenance.subject
    details = {f"subject_{one_line(str(k))}": one_line(str(v), 500) for k, v in known.items()}
    return {
        "name": one_line(a.subject),
        "id": one_line(a.subject),
        "inference_platform": one_line(a.subject.partition("/")[0]),
        "additional_details": {
            **details,
            "deployment_type": "self_deployed" if local else "unknown",
            "model_availability": "open_weights" if local else "unknown",
        },
    }


def _result(run: Run, c: ClaimResult) -> dict[str, Any]:
    a, claim, e = run.assessment, c.claim, c.estimate
    uncertainty: dict[str, Any] = {
        "confidence_interval": {
            "lower": e.low,
            "upper": e.high,
            "confidence_level": e.level,
            "method": one_line(e.method),
        },
        "num_samples": c.trials - c.missing,
    }
    if e.standard_uncertainty is not None:
        uncertainty["standard_error"] = {
            "value": e.standard_uncertainty,
            "method": "analytic (Agresti-Coull)",
        }
    counted = claim.score if claim.counts is None else f"{claim.score}={claim.counts}"
    return {
        "evaluation_result_id": ident(a, "eee", claim.name),
        "evaluation_name": one_line(claim.name),
        "source_data": {
            "dataset_name": one_line(claim.instrument),
            "source_type": "other",
            "additional_details": {
                "population": c.population.kind,
                "items": text(c.population.size),
                "items_sha256": a.provenance.items_sha256.get(claim.instrument, "unknown"),
            },
        },
        "evaluation_timestamp": a.provenance.finished,
        "metric_config": {
            "evaluation_description": one_line(claim.statement, 1000),
            "metric_id": "rate",
            "metric_name": one_line(f"rate of {counted}"),
            "metric_kind": "rate",
            "metric_unit": "proportion",
            "metric_parameters": {"score": one_line(counted), "threshold": claim.threshold},
            "lower_is_better": claim.relation == "below",
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {
            "score": e.value,
            "details": texts(c),
            "uncertainty": uncertainty,
        },
        "generation_config": _generation(run.suite()),
    }


def _generation(suite: dict[str, Any]) -> dict[str, Any]:
    given = suite.get("generate") or {}
    config: dict[str, Any] = {
        "generation_args": {
            k: given[k] for k in _ARGUMENTS if isinstance(given.get(k), int | float)
        }
    }
    rest = {str(k): one_line(dumps(v), 500) for k, v in given.items() if k not in _ARGUMENTS}
    return {**config, "additional_details": rest} if rest else config


def _segment(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", one_line(text, 100)).strip(".-") or "unnamed"


def _epoch(moment: str) -> str:
    try:
        return str(int(datetime.fromisoformat(moment).timestamp()))
    except (ValueError, OverflowError):
        return one_line(moment, 60)
