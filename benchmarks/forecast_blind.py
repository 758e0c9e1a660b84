"""Do forecasts hold on scores that no one looked at while they were made?

The models of `calibrant forecast` were tuned while the 77 base models of observational scaling laws
were in view. Here are scores that were not: six newer benchmarks (sloth, data_v2.csv, base models),
and the 71 other rows of observational scaling, which were seen only together with the 77. Cut at
the median compute, at 8.4e22 FLOPs, and at the median date where dates are known. Nothing was
changed for it: every model at its defaults, as `calibrant forecast` runs them, chance not told.

    python benchmarks/forecast_blind.py FOLDER      (with obsscaling/ and sloth/ in it)

One row of the table has compute a thousand times too large (BTLM-3B, "627" trillion tokens, where
there were 627 billion); that is mended here, which was decided before anything was run.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from calibrant.scaling.backtests.cuts import Rule, cuts_of, read_rule
from calibrant.scaling.backtests.gate import judge
from calibrant.scaling.backtests.outcomes import outcomes_of
from calibrant.scaling.backtests.run import try_out
from calibrant.scaling.backtests.summary import share_interval
from calibrant.scaling.forecast import default_zoo
from calibrant.scaling.read import read_scores
from calibrant.scaling.scores import Scores
from calibrant.scaling.stacking.against import FLOOR

LEVEL = 0.9
SCALE = "FLOPs (1E21)"
SLOTH = ["IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO"]
OBSERVED = ["MMLU", "ARC-C", "HellaSwag", "Winograd", "TruthfulQA", "GSM8K", "XWinograd",
            "HumanEval"]  # fmt: skip
SEEN = {
    "BLOOM", "CodeLlama", "DeepSeek-Coder", "Falcon", "GPT-Neo/J", "Gemma", "Llama", "Llama-2",
    "Llama-3", "MPT", "Mistral", "Mixtral", "OPT", "Phi", "Pythia", "Qwen", "Qwen1.5", "StarCoder",
    "StarCoder2", "XGLM", "Yi",
}  # fmt: skip
"""The 21 families of the 77 models that were in view, less three of their models."""
LATER = {
    "Qwen/Qwen1.5-110B",
    "mistralai/Mistral-Nemo-Base-2407",
    "mistralai/Mixtral-8x22B-v0.1",
}


def sloth(folder: Path) -> Scores:
    """Base models on the six benchmarks of the second open leaderboard, with dates."""
    table = pl.read_csv(folder / "sloth" / "data_v2.csv").filter(~pl.col("Instruct"))
    found = read_scores(table, target=SLOTH, scale=SCALE, family="Family", subject="Model",
                        date="date", limits=(0, 1))  # fmt: skip
    return found.take(np.isfinite(found.score) & np.isfinite(found.scale))


def others(folder: Path) -> Scores:
    """The 71 rows of observational scaling that are not among the 77."""
    table = pl.read_csv(folder / "obsscaling" / "base_llm_benchmark_eval.csv")
    seen = pl.col("Model Family").is_in(list(SEEN)) & ~pl.col("Model").is_in(list(LATER))
    wrong = pl.col("Pretraining Data Size (T)") > 600
    table = table.filter(~seen).with_columns(
        pl.when(wrong).then(pl.col(SCALE) / 1000).otherwise(pl.col(SCALE)).alias(SCALE)
    )
    found = read_scores(table, target=OBSERVED, scale=SCALE, family="Model Family",
                        subject="Model", limits=(0, 1))  # fmt: skip
    return found.take(np.isfinite(found.score) & np.isfinite(found.scale))


def rules(of: Scores) -> list[Rule]:
    """Cuts at the median compute and date of subjects, and at 8.4e22 FLOPs."""
    _, first = np.unique(of.subject, return_index=True)
    found = [f"scale<={10 ** float(np.median(of.scale[first])):.3g}", "scale<=8.4e22"]
    days = of.date[first][~np.isnat(of.date[first])]
    if days.size:
        found.append(f"date<={np.sort(days)[days.size // 2]}")
    return [read_rule(text) for text in found]


def row(name: str, held: np.ndarray, width: np.ndarray, log: np.ndarray, of: np.ndarray) -> str:
    """One line of the table."""
    ends = share_interval(held.astype(float), of)
    sure = "" if ends is None else f"{ends[0]:.2f}–{ends[1]:.2f}"
    return (f"| {name} | {held.size} | {held.mean():.3f} | {sure} | {width.mean():.3f} | "
            f"{np.maximum(log, FLOOR).mean():+.3f} |")  # fmt: skip


def tried(of: Scores, rule: Rule) -> None:
    """Every model and the stack beyond one cut, printed."""
    begun = time.process_time()
    zoo = default_zoo()
    names = [m.name for m in zoo]
    trials = try_out(zoo, of, cuts_of(of, rule))
    once = outcomes_of(of, trials, names, rule, LEVEL)[0].once()
    last = trials[-1]
    y, family = of.score[last.rows], of.family[last.rows]
    known = int(last.cut.known.sum())
    reach = last.orders[np.isfinite(last.orders)]
    print(f"\n{rule.text}: {known} scores known; {y.size} later of "
          f"{np.unique(of.subject[last.rows]).size} subjects in {np.unique(family).size} families, "
          f"{last.stranger.mean():.0%} of them of new families, up to {reach.max():.1f} orders "
          "beyond")  # fmt: skip
    print("| model | n | coverage | 90 % interval | width | log score |\n|---|---|---|---|---|---|")
    for name in names:
        if name not in last.said.forecasts:
            print(f"| {name} | 0 | refused | | | |")
            continue
        forecast, there = last.said.forecasts[name]
        said = forecast.take(there)
        low, high = said.interval(LEVEL)
        mine = y[there]
        print(row(name, (low <= mine) & (mine <= high), high - low, said.log_density(mine),
                  family[there]))  # fmt: skip
    print(row("**stack**", once.covered, once.high - once.low, once.log_score, once.family))
    print(f"  gate on the stack: {judge(once.covered, once.transform, once.family, LEVEL)!r}")
    for name in np.unique(once.measure):
        mine = once.measure == name
        print(f"  {name}: {once.covered[mine].mean():.2f} of {mine.sum()} held", end=";")
    print(f"\n  {time.process_time() - begun:.1f} CPU seconds", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for title, of in (("sloth, base models", sloth(folder)),
                      ("observational scaling, the 71 others", others(folder))):  # fmt: skip
        subjects = np.unique(of.subject).size
        print(f"\n## {title}: {len(of)} scores of {subjects} subjects in "
              f"{np.unique(of.family).size} families", flush=True)  # fmt: skip
        for rule in rules(of):
            tried(of, rule)


if __name__ == "__main__":
    main()
