"""Do forecasts hold on scores that no one looked at while they were made?

The models of `calibrant forecast` were tuned while the 77 base models of observational scaling laws
were in view. Here are scores that were not: six newer benchmarks (sloth, data_v2.csv, base models),
and the 71 other rows of observational scaling, which were seen only together with the 77. Cut at
the median compute, at 8.4e22 FLOPs, and at the median date where dates are known. Nothing was
changed for it: every model at its defaults, as `calibrant forecast` runs them, chance not told.

    python benchmarks/forecast_blind.py FOLDER [--only first|second]
        (with obsscaling/, sloth/ and gadre/ in it)

One row of the first table has compute a thousand times too large (BTLM-3B, "627" trillion tokens,
where there were 627 billion); that is mended here, which was decided before anything was run.

The second set. After the first, the stack's weights were changed twice (records; then forgetting of
old cuts), the second time on made worlds and on rows below 8.4e22 FLOPs alone. This set was fixed,
with all that is printed, before any model was run on it, and is run once:

- emergent: base_llm_emergent_capability_eval.csv, eight tasks of 84 base models, compute and
  families joined by Model. BLEU is limited to 0 to 100, everything else here to 0 to 1.
- IFEval: base_llm_leaderboard_v2_eval.csv. Of its 72 rows 55 repeat at least four of the five
  other scores of sloth's base models (to .006), which were seen; its IFEval repeats none of the 43
  that were joined by name. So IFEval alone.
- instruct: the instruction-tuned models of sloth's data_v2.csv, which the first set left out, on
  twelve benchmarks of both open leaderboards.
- gadre: accuracies of 104 small models on the 17 tasks of their paper's average. Compute is 6 times
  parameters times tokens; a family is one training set at one ratio of tokens to parameters. Cut
  only at the median compute.

Cuts as for the first set (8.4e22 where at least two models lie beyond it), level 90 %, seed 0.
Printed for each: coverage, width and log score of every model and the stack, the gate's verdict,
and the paired differences of log scores, by families, of the hierarchy and of the stack against
each.
"Beats" and "is beaten" are said only where the 90 % interval of that difference leaves out 0.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import polars as pl
from forecast import paired

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
OLD = ["MMLU", "ARC", "HellaSwag", "Winogrande", "TruthfulQA", "GSM8K"]
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


def emergent(folder: Path) -> Scores:
    """Eight emergent tasks, with the compute and families of the first table."""
    tasks = pl.read_csv(folder / "obsscaling" / "base_llm_emergent_capability_eval.csv")
    target = [c for c in tasks.columns if c != "Model"]
    limits = {c: (0.0, 100.0 if c.endswith("bleu") else 1.0) for c in target}
    return _joined(folder, tasks, target, limits)


def ifeval(folder: Path) -> Scores:
    """IFEval of the second leaderboard as obsscaling has it, which is not as sloth has it."""
    table = pl.read_csv(folder / "obsscaling" / "base_llm_leaderboard_v2_eval.csv")
    target = ["leaderboard_ifeval"]
    return _joined(folder, table.select("Model", *target), target, {target[0]: (0.0, 1.0)})


def _joined(
    folder: Path, tasks: pl.DataFrame, target: list[str], limits: dict[str, tuple[float, float]]
) -> Scores:
    known = pl.read_csv(folder / "obsscaling" / "base_llm_benchmark_eval.csv")
    wrong = pl.col("Pretraining Data Size (T)") > 600
    facts = known.select(
        "Model", "Model Family",
        pl.when(wrong).then(pl.col(SCALE) / 1000).otherwise(pl.col(SCALE)).alias(SCALE),
    )  # fmt: skip
    found = read_scores(tasks.join(facts, on="Model"), target=target, scale=SCALE,
                        family="Model Family", subject="Model", limits=limits)  # fmt: skip
    return found.take(np.isfinite(found.score) & np.isfinite(found.scale))


def instruct(folder: Path) -> Scores:
    """Instruction-tuned models on both open leaderboards, with dates."""
    path = folder / "sloth" / "data_v2.csv"
    table = pl.read_csv(path, infer_schema_length=None).filter(pl.col("Instruct"))
    found = read_scores(table, target=SLOTH + OLD, scale=SCALE, family="Family", subject="Model",
                        date="date", limits=(0, 1))  # fmt: skip
    return found.take(np.isfinite(found.score) & np.isfinite(found.scale))


def gadre(folder: Path) -> Scores:
    """Accuracies of 104 small models; a family is one training set at one token multiplier."""
    tasks = sorted(json.loads((folder / "gadre" / "subset17.json").read_text()))
    rows = []
    for path in sorted((folder / "gadre" / "exp_data" / "models").glob("*.json")):
        facts = json.loads(path.read_text())
        how = facts["hyperparameters"]
        at = path.parent.parent / "evals" / f"evaluation_{path.stem}_heavy.json"
        told = json.loads(at.read_text())["eval_metrics"]["icl"]
        rows.append({
            "model": path.stem,
            "family": f"{facts['dataset_name']} x{how['chinchilla_multiplier']:g}",
            "FLOPs": 6.0 * how["params"] * how["tokens"],
        } | {t: told[t] for t in tasks})  # fmt: skip
    return read_scores(pl.DataFrame(rows), target=tasks, scale="FLOPs", family="family",
                       subject="model", limits=(0, 1))  # fmt: skip


def rules(of: Scores) -> list[Rule]:
    """Cuts at the median compute and date of subjects, and at 8.4e22 FLOPs."""
    _, first = np.unique(of.subject, return_index=True)
    found = [f"scale<={10 ** float(np.median(of.scale[first])):.3g}"]
    if (of.scale[first] > np.log10(8.4e22)).sum() >= 2:
        found.append("scale<=8.4e22")
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
    print()
    print(paired(once, names))
    print(f"  {time.process_time() - begun:.1f} CPU seconds", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("first", "second"))
    options = parser.parse_args()
    folder = options.folder
    sets = {
        "first": (("sloth, base models", sloth), ("observational scaling, the 71 others", others)),
        "second": (("emergent tasks", emergent), ("IFEval, measured again", ifeval),
                   ("sloth, instruction-tuned models", instruct), ("gadre", gadre)),
    }  # fmt: skip
    for which in sets if options.only is None else (options.only,):
        for title, read in sets[which]:
            of = read(folder)
            subjects = np.unique(of.subject).size
            print(f"\n## {title}: {len(of)} scores of {subjects} subjects in "
                  f"{np.unique(of.family).size} families", flush=True)  # fmt: skip
            for rule in rules(of):
                tried(of, rule)


if __name__ == "__main__":
    main()
