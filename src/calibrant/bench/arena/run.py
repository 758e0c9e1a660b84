"""Who is better, and when is that settled? The verb `arena`: rounds of comparisons, then a result.

A round's pairs follow from the verdicts of all rounds before it and from nothing else: not from who
answered first, nor from the budget. A run therefore gives the same result for any number of
connections, resumes where it was cut off, and goes on when it is given a larger budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.bench.administer import Subject, administer, seed_for
from calibrant.bench.arena.conclude import Session, conclude, names_by_tier
from calibrant.bench.arena.config import ArenaFile, Contestant, Judge, read_arena
from calibrant.bench.arena.judging import Judged, Panel, Unit
from calibrant.bench.arena.result import Arena, ArenaProgress
from calibrant.bench.arena.streams import (
    ENDLESS,
    LOG_ODDS,
    Shown,
    Taker,
    answers_of,
    item_at,
    judging,
    open_items,
)
from calibrant.bench.arena.tables import as_said, decided_on, failures
from calibrant.bench.folder import RunFolder, choose_folder
from calibrant.bench.streams import Stream
from calibrant.bench.trial import Trial
from calibrant.errors import CalibrantError, InputError
from calibrant.ratings.pairing.choose import choose, to_go
from calibrant.ratings.pairing.settle import Standing, settle
from calibrant.records.trials import write_parquet

Watch = Callable[[ArenaProgress], None]


def arena(
    path: str | Path,
    *,
    out: str | Path | None = None,
    max_comparisons: int | None = None,
    watch: Watch | None = None,
    **overrides: Any,
) -> Arena:
    """Run an arena until its decision is settled, or its budget or items are spent.

    A run that was interrupted resumes: no finished answer or verdict is repeated.

    Args:
        path: the arena's YAML file.
        out: the run folder; by default runs/NAME-TIME, or the latest unfinished one of this arena.
        max_comparisons: instead of the file's budget.
        watch: called after each round.
        overrides: top-level keys that replace the file's, such as `seed` (None: keep).

    Raises:
        InputError: if the file, the items, a judge or the folder is wrong.
        SubjectError: if a subject or a judge cannot be called.
        RunError: if the run cannot go on; what had finished is kept.
    """
    from anyio.from_thread import start_blocking_portal

    from calibrant.subjects import check

    path = Path(path)
    found = read_arena(path, budget=max_comparisons, **overrides)
    base = path.resolve().parent
    items, panel = open_items(found, base), Panel(found, base)
    called: list[Contestant | Judge] = [*found.subjects]
    called += [j for j in found.panel if j.model is not None]
    for who in called:
        check(str(who.model), dict(who.model_args))
    folder = choose_folder(
        found.name, found.fingerprint(), None if out is None else Path(out),
        "its subjects, items, judges or seed differ",
    )  # fmt: skip
    with RunFolder(folder) as run:
        job = _Job(found, items, panel, run, watch or (lambda _: None))
        job.open()
        try:
            # A thread of its own: a notebook's loop is running already.
            with start_blocking_portal() as portal:
                portal.call(job.run)
        except BaseException:
            # What was learnt becomes a table on disk, if it can; what went wrong is raised on.
            with suppress(CalibrantError):
                job.save_tables()
            raise
        return job.close()


class _Job:
    """One session of a run."""

    def __init__(
        self, found: ArenaFile, items: Stream, panel: Panel, folder: RunFolder, watch: Watch
    ) -> None:
        self.arena, self.items, self.panel = found, items, panel
        self.folder, self.watch = folder, watch
        self.names = tuple(s.name for s in found.subjects)
        size = len(self.names)
        self.wins = np.zeros((size, size))
        self.asked: NDArray[np.int64] = np.zeros((size, size), dtype=np.int64)
        self.standing: Standing = settle(self.wins, found.goal)
        self.answers: dict[str, list[Trial]] = {name: [] for name in self.names}
        self.judged: list[Judged] = []
        self.verdicts: dict[str, list[Trial]] = {}
        self.calls = self.rounds = 0
        self.reason = ""

    def open(self) -> None:
        """Note in the folder what this run is."""
        from calibrant.subjects import describe

        manifest = self.folder.manifest
        models = [s.model for s in self.arena.subjects]
        models += [j.model for j in self.arena.panel if j.model is not None]
        described = {m: describe(m) for m in dict.fromkeys(models)}
        for name, before in manifest.get("models", {}).items():
            if described.get(name, {}).get("sha256") != before.get("sha256"):
                raise InputError(
                    f"{self.folder.path}: {name} is not the file that this run began with"
                )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.folder.save_manifest(
            kind="arena",
            fingerprint=self.arena.fingerprint(),
            arena=self.arena.model_dump(mode="json"),
            models=described,
            started=manifest.get("started", now),
            finished=None,
        )

    async def run(self) -> None:
        """Rounds until settled or spent."""
        many = ENDLESS if self.items.size is None else self.items.size
        while not self.standing.settled:
            used = len(self.judged)
            if used >= self.arena.budget:
                self.reason = f"the budget of {self.arena.budget:,} comparisons is spent"
                return
            pairs = choose(
                self.standing,
                self.asked,
                size=self.arena.round or len(self.names),
                strategy=self.arena.strategy,
                seed=seed_for(self.arena.seed, f"round {self.rounds}"),
                available=np.maximum(many - self.asked, 0),
            )
            if not len(pairs):
                self.reason = f"the {many:,} items are used up for every open pair"
                return
            # Chosen whole and then cut, so that a larger budget goes on with the same round.
            units = self._units(pairs)[: self.arena.budget - used]
            await self._round(units)
        self.reason = "settled"

    def _units(self, pairs: NDArray[np.int64]) -> list[Unit]:
        units = []
        for a, b in pairs.tolist():
            units.append(Unit(a, b, int(self.asked[a, b]), self.rounds))
            self.asked[a, b] += 1
            self.asked[b, a] += 1
        return units

    async def _round(self, units: Sequence[Unit]) -> None:
        for index, who in enumerate(self.arena.subjects):
            wanted = [u.position for u in units if index in (u.a, u.b)]
            if wanted:
                await self._answer(who, max(wanted) + 1)
        at = [self.answers[name] for name in self.names]
        given = [
            (u, item_at(self.items, u.position), at[u.a][u.position], at[u.b][u.position])
            for u in units
        ]
        judged = await self.panel.judge(given, self.rounds, self._ask)
        self.judged += judged
        for j in judged:
            if j.outcome in ("left", "right"):
                a, b = (j.unit.a, j.unit.b) if j.outcome == "left" else (j.unit.b, j.unit.a)
                self.wins[a, b] += 1
        self.standing = settle(self.wins.copy(), self.arena.goal, self.standing)
        self.rounds += 1
        self.watch(self._progress())

    async def _answer(self, who: Contestant, many: int) -> None:
        """Have a subject answer the items up to a position, block by block."""
        have = self.answers[who.name]
        if len(have) >= many:
            return
        ahead = self.arena.answers_ahead
        most = ENDLESS if self.items.size is None else self.items.size
        stream = answers_of(self.items, who.name)
        self.answers[who.name] = await self._administer(
            stream, who, who.name, min(-(-many // ahead) * ahead, most)
        )

    async def _ask(self, judge: Judge, number: int, shown: Sequence[Shown]) -> list[Trial]:
        stream = judging(f"judge/{judge.label}/round-{number}", shown)
        found = await self._administer(stream, judge, f"judge {judge.label}", len(shown))
        self.verdicts.setdefault(judge.label, []).extend(found)
        return found

    async def _administer(
        self, stream: Stream, who: Contestant | Judge, name: str, many: int
    ) -> list[Trial]:
        taker = Taker(many, self._finished)
        kept = [self.folder.trials.get((stream.key, k)) for k in range(many)]
        whole = [t for k, t in enumerate(kept) if t is not None and t.item == stream.item(k)]
        if len(whole) == many:
            # Nothing to ask: the model need not even be loaded.
            return whole
        odds = isinstance(who, Judge) and who.reading == "log-odds"
        subject = Subject(
            str(who.model),
            args=who.model_args,
            # Two subjects of one model and the same options are still two subjects.
            generate={
                "seed": seed_for(self.arena.seed, name),
                **who.generate,
                **(LOG_ODDS if odds else {}),
            },
            max_connections=who.max_connections,
            price=(who.price.input, who.price.output) if who.price else None,
        )
        await administer(stream, subject, self.folder, taker)
        return taker.trials

    def _finished(self, trial: Trial) -> None:  # noqa: ARG002 - what Taker calls
        self.calls += 1

    def _progress(self) -> ArenaProgress:
        size = len(self.names)
        pairs = size * (size - 1) // 2
        left = self.arena.budget - len(self.judged)
        decided = float(self.wins.sum())
        share = (decided + 1) / (len(self.judged) + 2)
        return ArenaProgress(
            comparisons=len(self.judged),
            budget=self.arena.budget,
            done=pairs - int(np.triu(self.standing.open).sum()),
            pairs=pairs,
            tiers=names_by_tier(self.standing, self.names),
            to_go=min(to_go(self.standing, share), float(left)),
            calls=self.calls,
            settled=self.standing.settled,
        )

    def save_tables(self) -> None:
        """Write the comparisons so far."""
        labels = [j.label for j in self.arena.panel]
        grader = labels[0] if len(labels) == 1 else f"vote of {len(labels)}"
        place = self.folder.path
        write_parquet(decided_on(self.judged, self.names, grader), place / "comparisons.parquet")
        write_parquet(as_said(self.judged, self.names), place / "verdicts.parquet")
        write_parquet(failures(self.judged, self.names), place / "failures.parquet")

    def close(self) -> Arena:
        """Write everything, and say what came of it."""
        self.save_tables()
        result = conclude(Session(
            self.arena, self.items, self.folder, self.standing, self.asked, self.judged,
            self.answers, self.verdicts, self.rounds, self.reason,
        ))  # fmt: skip
        self.folder.write("arena.json", result.to_json() + "\n")
        # A run that the budget ended can go on from there.
        done = datetime.now(UTC).isoformat(timespec="seconds") if result.settled else None
        self.folder.save_manifest(finished=done)
        return result
