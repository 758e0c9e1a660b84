"""Do a question and a passage ask the same? A model is asked, and its errors are measured.

The model is put to gold pairs in the same run: what it says of the candidates then comes with how
often it says "same" of different questions, and misses the same ones. Without gold pairs nothing is
called a paraphrase by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from calibrant._text import storable
from calibrant.bench.arena.streams import Shown, Taker, judging
from calibrant.bench.folder import RunFolder, choose_folder
from calibrant.bench.paraphrase.prompts import DIFFERENT, SAME, prompt, read_verdict
from calibrant.bench.trial import Trial
from calibrant.contamination.items import Item
from calibrant.contamination.rewording import Paraphrases
from calibrant.errors import InputError
from calibrant.judges.card import Card
from calibrant.judges.card.build import make_card
from calibrant.judges.gold import Tally
from calibrant.records.frames import table_of
from calibrant.records.identity import content_hash

if TYPE_CHECKING:
    from calibrant.bench.administer import Subject

Watch = Callable[[int, int], None]
LEVEL = 0.95
GOLD_PAIRS = "gold.csv"


@dataclass(frozen=True)
class Pair:
    """A question and a passage, and what gold says of them.

    Attributes:
        item: the item's id.
        where: of the passage; of a gold pair its row.
        gold: whether both ask the same; None for a candidate.
    """

    item: str
    where: str
    question: str
    passage: str
    gold: bool | None = None


@dataclass(frozen=True)
class Verdict:
    """What the judge says of a candidate.

    Attributes:
        same: None if it could not be read; reason says why.
    """

    item: str
    where: str
    same: bool | None
    reason: str


@dataclass(frozen=True)
class Rate:
    """A measured rate of errors with its Clopper–Pearson interval."""

    value: float
    low: float
    high: float
    pairs: int

    def __repr__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%}, {self.pairs:,} pairs)"


@dataclass(frozen=True)
class JudgedParaphrases:
    """What a judge says of candidates, and how often it is wrong.

    Attributes:
        model: who was asked.
        verdicts: of the candidates, in their order.
        false_positives: of gold pairs that ask different things, the share it calls the same.
        misses: of gold pairs that ask the same, the share it calls different.
        card: the certificate of the judge; None without gold.
        folder: where the answers are kept.
        notes: one sentence each.
    """

    model: str
    verdicts: tuple[Verdict, ...]
    false_positives: Rate | None
    misses: Rate | None
    card: Card | None
    folder: str
    notes: tuple[str, ...]

    @property
    def same(self) -> tuple[Verdict, ...]:
        """The candidates that the judge calls the same."""
        return tuple(v for v in self.verdicts if v.same)

    def __repr__(self) -> str:
        unread = sum(v.same is None for v in self.verdicts)
        failed = f", {unread} without a verdict" if unread else ""
        head = f"{self.model} calls {len(self.same)} of {len(self.verdicts)} candidates the same"
        if self.false_positives is None:
            return f"{head}{failed}; its errors are not known"
        return (
            f"{head}{failed}; of different pairs it calls {self.false_positives!r} the same, and "
            f"it misses {self.misses!r}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "model": self.model, "verdicts": [asdict(v) for v in self.verdicts],
            "false_positives": self.false_positives and asdict(self.false_positives),
            "misses": self.misses and asdict(self.misses),
            "card": None if self.card is None else self.card.model_dump(mode="json"),
            "folder": self.folder, "notes": list(self.notes),
        }  # fmt: skip


def judge_paraphrases(
    found: Paraphrases, items: Sequence[Item], model: str, *, gold: Any = None, each: int = 1,
    least: float = 0.3, model_args: Mapping[str, Any] | None = None,
    max_connections: int | None = None, out: str | Path | None = None, seed: int = 0,
    watch: Watch | None = None,
) -> JudgedParaphrases:  # fmt: skip
    """Ask a model whether candidates pose the same question as their items.

    Args:
        found: the candidates.
        items: of the test, as they were scanned.
        model: an Inspect model.
        gold: a table with columns `question`, `passage` and `gold` (1: they ask the same).
        each: candidates that are asked about, per item, the surest first; verbatim ones are not.
        least: the lowest score of a candidate that is asked about.
        out: the run folder, in which answers are kept and a run goes on; by default
            runs/paraphrase-MODEL-TIME, or the latest unfinished one of the same run.
        watch: told how many verdicts there are, and how many there will be.

    Raises:
        InputError: if gold pairs cannot be read, or there is nothing to ask.
        SubjectError: if the model cannot be called.
        RunError: if the run cannot go on; what had finished is kept.
    """
    from anyio.from_thread import start_blocking_portal

    from calibrant.bench.administer import Subject, seed_for
    from calibrant.subjects import check

    pairs = [*read_gold(gold), *_candidates(found, items, each, least)]
    if not pairs:
        raise InputError(f"judge: no candidate has a score of at least {least:g}")
    args = dict(model_args or {})
    check(model, args)
    shown = [Shown(f"{n}", prompt(p.question, p.passage)) for n, p in enumerate(pairs)]
    fingerprint = content_hash({
        "model": model, "args": args, "seed": seed, "shown": [s.prompt for s in shown]
    })  # fmt: skip
    folder = choose_folder(
        f"paraphrase-{model}", fingerprint, None if out is None else Path(out),
        "its model, candidates, gold pairs or seed differ",
    )  # fmt: skip
    subject = Subject(model, args=args, generate={"seed": seed_for(seed, "paraphrase")},
                      max_connections=max_connections)  # fmt: skip
    with RunFolder(folder) as run:
        started = run.manifest.get("started", _now())
        run.save_manifest(kind="paraphrase", fingerprint=fingerprint, model=model, seed=seed,
                          started=started, finished=None)  # fmt: skip
        # A thread of its own: a notebook's loop is running already.
        with start_blocking_portal() as portal:
            trials = portal.call(_ask, shown, subject, run, watch)
        said = [_said(t) for t in trials]
        card = _card(run.path, model, pairs, said)
        run.save_manifest(finished=_now())
    return _result(model, pairs, said, card, str(folder))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


async def _ask(
    shown: Sequence[Shown], subject: Subject, run: RunFolder, watch: Watch | None
) -> list[Trial]:
    from calibrant.bench.administer import administer

    stream = judging("paraphrase", shown)
    known = [run.trials.get((stream.key, k)) for k in range(len(shown))]
    whole = [t for k, t in enumerate(known) if t is not None and t.item == stream.item(k)]
    if len(whole) == len(shown):
        return whole  # nothing to ask: the model need not even be loaded
    done = len(whole)

    def tick(_: Trial) -> None:
        nonlocal done
        done += 1
        if watch is not None:
            watch(done, len(shown))

    taker = Taker(len(shown), tick)
    await administer(stream, subject, run, taker)
    return taker.trials


def _said(trial: Trial) -> tuple[bool | None, str]:
    if trial.error is not None:
        return None, trial.error
    return read_verdict(trial.answer)


def read_gold(source: Any) -> list[Pair]:
    """Gold pairs of a table.

    Raises:
        InputError: if there is no such table or column, or a value is neither 0 nor 1.
    """
    if source is None:
        return []
    where = str(source) if isinstance(source, str | Path) else "gold"
    table = table_of(source, "gold pairs")
    for column in ("question", "passage", "gold"):
        if column not in table.columns:
            raise InputError(
                f"{where}: wanted a column {column!r}, got {', '.join(table.columns[:12])}"
            )
    pairs = []
    for row, (question, passage, gold) in enumerate(
        table.select("question", "passage", "gold").iter_rows(), 1
    ):
        word = str(gold).strip().lower()
        if word not in ("0", "1", "true", "false", "0.0", "1.0"):
            raise InputError(f"{where}: row {row}: gold: wanted 0 or 1, got {gold!r}")
        truth = word in ("1", "true", "1.0")
        pairs.append(Pair(f"gold-{row}", f"row {row}", str(question), str(passage), truth))
    if len({p.gold for p in pairs}) < 2:
        raise InputError(f"{where}: wanted gold pairs of both kinds, the same and different")
    return pairs


def _candidates(found: Paraphrases, items: Sequence[Item], each: int, least: float) -> list[Pair]:
    text = {i.id: i.question for i in items}
    if missing := next((i.item for i in found.items if i.item not in text), None):
        raise InputError(f"judge: item {missing!r} was scanned and is not among the items")
    return [
        Pair(i.item, f"{c.file}:{c.number}:{c.start}", text[i.item], c.excerpt)
        for i in found.items
        for c in [c for c in i.candidates if c.kind != "verbatim" and c.score >= least][:each]
    ]


def _card(
    folder: Path, model: str, pairs: Sequence[Pair], said: Sequence[tuple[bool | None, str]]
) -> Card | None:
    """The judge's card, from its verdicts on gold pairs, which are kept in the folder."""
    word = {True: SAME, False: DIFFERENT, None: None}
    rows = [
        {"item": p.item, "question": storable(p.question), "passage": storable(p.passage),
         "gold": word[p.gold], "judge": word[s]}
        for p, (s, _) in zip(pairs, said, strict=True)
        if p.gold is not None
    ]  # fmt: skip
    read = {r["gold"] for r in rows if r["judge"] is not None}
    if len(read) < 2:
        return None
    path = folder / GOLD_PAIRS
    pl.DataFrame(rows).write_csv(path)
    return make_card(f"paraphrases by {model}", gold=path, positive=SAME, model=model)


def _rate(tally: Tally) -> Rate:
    """The share of wrong verdicts; within its limits are those that could not be read."""
    alpha = (1 - LEVEL) / 2
    high, low = (1 - tally.limit(alpha, upper=u) for u in (False, True))
    return Rate(1 - tally.rate, max(low, 0.0), high, tally.labels + tally.unparsed)


def _result(
    model: str, pairs: Sequence[Pair], said: Sequence[tuple[bool | None, str]], card: Card | None,
    folder: str,
) -> JudgedParaphrases:  # fmt: skip
    verdicts = tuple(
        Verdict(p.item, p.where, same, why)
        for p, (same, why) in zip(pairs, said, strict=True)
        if p.gold is None
    )
    notes = []
    study = None if card is None else card.study
    if any(p.gold is not None for p in pairs) and study is None:
        notes.append("the judge gave no readable verdict on gold pairs of one kind: its errors "
                     "are not known")  # fmt: skip
    if study is None:
        notes.append("without measured errors of the judge its verdicts call nothing a paraphrase")
    if unread := [v for v in verdicts if v.same is None]:
        notes.append(f"{len(unread)} verdicts could not be read and call nothing; the first: "
                     f"{unread[0].item}: {unread[0].reason}")  # fmt: skip
    return JudgedParaphrases(
        model=model, verdicts=verdicts,
        false_positives=None if study is None else _rate(study.negatives),
        misses=None if study is None else _rate(study.positives),
        card=card, folder=folder, notes=tuple(notes),
    )  # fmt: skip
