"""The trials as Every Eval Ever instances: one row per trial and claim it counts for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from calibrant._text import dumps, one_line
from calibrant.assurance.assessment import Assessment, ClaimText
from calibrant.assurance.evidence import counts
from calibrant.assurance.suite import Claim
from calibrant.bench.trial import Trial


def claim_of(text: ClaimText) -> Claim:
    """The claim that a claim's text came from, as far as counting its score goes."""
    rate = text.score if text.counts is None else f"{text.score}={text.counts}"
    side = {text.relation: text.threshold}
    return Claim(name=text.name, instrument=text.instrument, rate=rate, **side)  # type: ignore[arg-type]


def instances(
    assessment: Assessment,
    journal: list[Trial],
    evaluation_id: str,
    result_ids: Mapping[str, str],
) -> list[dict[str, Any]]:
    """One instance per trial that counts for a claim and has its score, in the fixed order.

    Raises:
        InputError: if a trial lacks the claimed score.
    """
    by_place = {(t.instrument, t.position): t for t in journal}
    rows = []
    for result in assessment.claims:
        claim = claim_of(result.claim)
        for position in range(result.trials):
            trial = by_place.get((result.claim.instrument, position))
            counted = None if trial is None else counts(claim, trial)
            if trial is None or counted is None:
                continue
            row = {
                "schema_version": "0.3.0",
                "evaluation_id": evaluation_id,
                "model_id": one_line(assessment.subject),
                "evaluation_name": one_line(result.claim.name),
                "evaluation_result_id": result_ids[result.claim.name],
            }
            good = counted == (result.claim.relation == "above")
            rows.append({**row, **_instance(trial, counted, good)})
    return rows


def _instance(trial: Trial, counted: bool, good: bool) -> dict[str, Any]:
    asked = [text for role, text in _opening(trial)]
    raw = "\n\n".join(asked)
    turns = [
        {"turn_idx": i, "role": role, "content": text}
        for i, (role, text) in enumerate(trial.messages)
    ]
    answers = [i for i, (role, _) in enumerate(trial.messages) if role == "assistant"]
    tools = any(role == "tool" for role, _ in trial.messages)
    several = len(answers) > 1 or tools
    turn = answers[-1] if several and answers else 0
    kind = "single_turn"
    if several:
        kind = "agentic" if tools else "multi_turn"
    return {
        "sample_id": trial.item,
        "sample_hash": hashlib.sha256(raw.encode("utf-8", "replace")).hexdigest(),
        "interaction_type": kind,
        "input": {"raw": raw, "reference": []},
        "output": None if several else {"raw": [trial.answer]},
        "messages": turns if several else None,
        "answer_attribution": [
            {
                "turn_idx": turn,
                "source": f"messages[{turn}].content" if several else "output.raw",
                "extracted_value": trial.answer,
                "extraction_method": "custom",
                "is_terminal": True,
            }
        ],
        "evaluation": {
            "score": 1.0 if counted else 0.0,
            "is_correct": good,
            "num_turns": max(1, len(answers)),
        },
        "token_usage": {
            "input_tokens": trial.input_tokens,
            "output_tokens": trial.output_tokens,
            "total_tokens": trial.input_tokens + trial.output_tokens,
        },
        "performance": {"latency_ms": 1000 * trial.seconds},
        "error": None,
        "metadata": _metadata(trial),
    }


def _opening(trial: Trial) -> list[tuple[str, str]]:
    """What was shown before the subject first spoke."""
    shown = []
    for role, text in trial.messages:
        if role == "assistant":
            break
        shown.append((role, text))
    return shown


def _metadata(trial: Trial) -> dict[str, str]:
    given = {
        "instrument": trial.instrument,
        "position": trial.position,
        "family": trial.family,
        "variant": trial.variant,
        "cost": trial.cost,
        "time": trial.time or None,
    }
    raw = {f"score_{name}": dumps(value) for name, value in trial.scores.items()}
    return {k: str(v) for k, v in given.items() if v is not None} | raw
