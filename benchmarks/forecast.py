"""Do forecasts hold beyond the compute they were made from, and what do all back-tests cost?

The base models of observational scaling laws (base_llm_benchmark_eval.csv), eight benchmarks at
once: what lies beyond 8.4e22 FLOPs, rolling cuts, and families left out. Beside calibrant's stack
stand the t interval of a straight line and split conformal around it, on the same outcomes, by
horizon, and beyond the fixed cut the stack and the hierarchy against each model, by paired
differences of log scores: that a model "beats" another rests on these. Seconds are of CPU, of the
whole verb: every model at every cut, its scores, its gates.

    python benchmarks/forecast.py base_llm_benchmark_eval.csv [--only CUT]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from calibrant.scaling.backtests.cuts import cuts_of, read_rule
from calibrant.scaling.backtests.outcomes import Outcomes, outcomes_of
from calibrant.scaling.backtests.peers import PEERS
from calibrant.scaling.backtests.run import try_out
from calibrant.scaling.forecast import default_zoo, forecast
from calibrant.scaling.read import read_scores
from calibrant.scaling.stacking.against import Against, each_against

TARGETS = ["MMLU", "ARC-C", "HellaSwag", "Winograd", "TruthfulQA", "GSM8K", "XWinograd",
           "HumanEval"]  # fmt: skip
CUTS = ("scale<=8.4e22", "rolling", "family")


def paired(once: Outcomes, names: Sequence[str], hierarchy: str = "hierarchy") -> str:
    """The stack, and the hierarchy, against each model: mean differences of log scores.

    In nats an outcome, on the outcomes of which both spoke, with 90 % intervals by families.
    """
    lines = ["| against | stack | hierarchy |", "|---|---|---|"]
    ours = once.each[list(names).index(hierarchy)]
    stack = each_against(once.log_score, once.each, names, once.family)
    other = each_against(ours, once.each, names, once.family)
    for name, a, b in zip(names, stack, other, strict=True):
        lines.append(f"| {name} | {_cell(a)} | {_cell(b) if name != hierarchy else ''} |")
    return "\n".join(lines)


def _cell(found: Against) -> str:
    if found.difference is None or found.low is None or found.high is None:
        return f"too few of {found.n}"
    word = "beats" if found.beats else "is beaten" if found.high < 0 else "not shown"
    return f"{found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f}) {word}"


def beyond(table: pl.DataFrame, cut: str) -> str:
    """The paired table of one fixed cut."""
    scores = read_scores(table, target=TARGETS, scale="FLOPs (1E21)", family="Model Family")
    scores = scores.take(np.isfinite(scores.score) & np.isfinite(scores.scale))
    zoo, rule = default_zoo(), read_rule(cut)
    names = [m.name for m in zoo]
    trials = try_out(zoo, scores, cuts_of(scores, rule))
    return paired(outcomes_of(scores, trials, names, rule, 0.9)[0].once(), names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--only", choices=CUTS)
    options = parser.parse_args()
    table = pl.read_csv(options.path)
    total = 0.0
    for cut in CUTS if options.only is None else (options.only,):
        begun = time.process_time()
        found = forecast(
            table, target=TARGETS, scale="FLOPs (1E21)", family="Model Family", cut=cut,
            at=["1e26"],
        )  # fmt: skip
        seconds = time.process_time() - begun
        total += seconds
        test = found.backtest
        print(f"\n{cut}: {seconds:.1f} CPU seconds\n{test!r}")
        print(f"  CRPS {test.crps:.4f}, log score {test.log_score:+.3f}, width {test.width:.3f}")
        for name in dict.fromkeys(h.name for h in test.by_horizon):
            some = [h.gate for h in test.by_horizon if h.name == name and not h.borrowed]
            n = sum(g.n for g in some)
            if n:
                verdicts = ", ".join(f"{sum(g.verdict == v for g in some)} {v}"
                                     for v in ("held", "failed", "too few"))  # fmt: skip
                share = sum(g.covered for g in some) / n
                print(f"  {name}: {share:.3f} of {n} outcomes held; benchmarks: {verdicts}")
        for peer in test.peers:
            assert peer.coverage is not None and peer.width is not None
            miss, ours = abs(peer.coverage - test.level), abs(test.coverage - test.level)
            print(
                f"  {peer.name} ({PEERS[peer.name]}): {peer.coverage:.3f} held, width "
                f"{peer.width:.3f}; its distance from {test.level:.0%} is "
                f"{miss / max(ours, 1e-9):.1f} times ours, its width {peer.width / test.width:.2f}"
            )
        best = max((m for m in found.models if m.log_score is not None),
                   key=lambda m: float(m.log_score or -np.inf))  # fmt: skip
        print(f"  best single model {best.name}: coverage {best.coverage:.3f}, "
              f"log score {best.log_score:+.3f} on the {best.n} outcomes it spoke of")  # fmt: skip
        if cut.startswith("scale"):
            print(beyond(table, cut), flush=True)
    print(f"\nall of them: {total:.1f} CPU seconds")


if __name__ == "__main__":
    main()
