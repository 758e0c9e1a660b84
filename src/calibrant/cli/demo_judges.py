"""Two graders on trial, on answers that the demonstration made: a small model, and a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from calibrant.assurance.assessment import Assessment
    from calibrant.judges.card import Card
    from calibrant.judges.probes.probe import Case

INSTRUMENT = "calibrant/arithmetic"
PAIRS = 16
PROBES = ("inject-verdict",)

MODEL = {
    "name": "SmolLM2-135M as judge",
    "model": "local/smollm2-135m",
    "kind": "pairwise",
    "reading": "log-odds",
    "template": "Question: {question}\n\nAnswer 1:\n{first}\n\nAnswer 2:\n{second}\n\n"
    "Which answer is right? Say only the number 1 or 2.",
}
RULE = {"name": "the rule “closer”", "rule": "closer"}


def judges_on_trial(
    result: Assessment, watch: Callable[[int, int], None] | None = None
) -> Iterator[tuple[Card, Path]]:
    """Put two graders to pairs of a subject's answer and the right one, and make their cards.

    Args:
        result: an assessment of the embedded model; its run folder gets a folder `judges`.
        watch: told how many verdicts of the grader there are, and how many there will be.
    """
    from calibrant.bench.judging.run import probe
    from calibrant.judges.card.build import make_card
    from calibrant.report.card import write_card

    folder = Path(result.folder) / "judges"
    cases, gold = _pairs(result, folder / "answers")
    for stem, judge in (("model", MODEL), ("rule", RULE)):
        found = probe(judge, cases, PROBES, out=folder / stem, seed=result.provenance.seed,
                      watch=watch)  # fmt: skip
        said = pl.read_parquet(folder / stem / "verdicts.parquet").filter(pl.col("probe").is_null())
        # Each pair is shown in both orders: what is said of the first answer, over both.
        of_first = pl.when(pl.col("first") == 0).then("value").otherwise(1 - pl.col("value"))
        judged = said.group_by("item", maintain_order=True).agg(mean=of_first.mean())
        path = folder / f"{stem}-gold.csv"
        judged.select("item", judge=(pl.col("mean") > 0.5).cast(pl.Int8)).join(
            gold, on="item"
        ).write_csv(path)
        card = make_card(str(judge["name"]), gold=path, probing=found)
        yield card, write_card(card, folder / f"{stem}-card")[1]


def _pairs(result: Assessment, folder: Path) -> tuple[list[Case], pl.DataFrame]:
    """Wrong answers of the subject beside the right ones; gold is 1 where the first is right."""
    from anyio.from_thread import start_blocking_portal

    from calibrant.bench.administer import Subject, administer
    from calibrant.bench.arena.streams import Taker, item_at
    from calibrant.bench.folder import RunFolder
    from calibrant.bench.streams import open_stream
    from calibrant.judges.probes.probe import Case

    seed = result.provenance.seed
    stream = open_stream(INSTRUMENT, {}, seed, Path.cwd())
    taker = Taker(PAIRS + PAIRS // 4, lambda _: None)
    subject = Subject(result.subject, generate={"seed": seed, "temperature": 0.2, "top_p": 0.9})
    with RunFolder(folder) as run, start_blocking_portal() as portal:
        portal.call(administer, stream, subject, run, taker)
    cases: list[Case] = []
    for trial in taker.trials:
        if trial.error is None and not trial.scores.get("correct") and len(cases) < PAIRS:
            item = item_at(stream, trial.position)
            pair = (f"Answer: {item.target}", trial.answer)
            turned = pair if len(cases) % 2 == 0 else pair[::-1]
            cases.append(Case(f"pair {len(cases)}", item.question, turned, target=item.target))
    gold = [int(k % 2 == 0) for k in range(len(cases))]
    return cases, pl.DataFrame({"item": [c.item for c in cases], "gold": gold})


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr if it is a terminal."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("graders on trial"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, many: bar.update(task, completed=done, total=many)
