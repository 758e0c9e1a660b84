"""Is this judge moved by what should not move it? The verb `probe`: cases altered, both ways round.

Every case is put as it was and as each probe alters it, one after the other, so that a judge that
drifts while it is asked drifts for both. A run resumes where it was cut off.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from calibrant._text import one_line, storable
from calibrant._version import __version__
from calibrant.bench.arena.streams import LOG_ODDS, Taker
from calibrant.bench.folder import RunFolder, choose_folder
from calibrant.bench.judging.asking import Rule, Said, open_judge, said_by, stream_of, texts_of
from calibrant.bench.judging.cases import chosen, read_cases
from calibrant.bench.judging.config import JudgeFile, Scale, parse_judge, read_judge
from calibrant.bench.judging.prompts import check_labels
from calibrant.bench.judging.showings import Plan, Showing, plan, prepared, unreached
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.judges.probes.findings import Probing, Summary
from calibrant.judges.probes.probe import Case, Kind, Probe
from calibrant.judges.probes.summary import ORDER, ORDER_SWAP, VERDICTS, Terms, summarise
from calibrant.records.identity import content_hash
from calibrant.records.trials import write_parquet

Watch = Callable[[int, int], None]
"""Told how many verdicts there are, and how many there will be."""


def probe(
    judge: str | Path | Mapping[str, Any] | JudgeFile,
    cases: Any = None,
    probes: Sequence[str | Probe] | None = None,
    *,
    at_most: int | None = None,
    repeat: int = 1,
    alpha: float = 0.05,
    margin: float = 0.1,
    wanted: float = 0.8,
    max_cost: float | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Probing:
    """Put a judge to bias probes, and say of each whether it is moved.

    Args:
        judge: a judge file (YAML), its keys, or the name of a rule.
        cases: a table of answers, the folder of a run, or `Case`s; see `read_cases`. By default
            the catalogue's own, about common knowledge, arithmetic and code.
        probes: names of probes or families of the catalogue ("core", the default, is a choice of
            one or two of every sort; "all" is all of it), or own `Probe`s. `order-swap` comes
            with every pairwise judge.
        at_most: cases at most, drawn at random.
        repeat: how often everything is put, to tell bias from chance; 2 or more for a judge that
            answers the same prompt differently.
        alpha: chance of any false verdict over all probes.
        margin: the largest shift that does not matter, as a share of the verdict's range.
        wanted: the share of harmed answers that a working judge marks down.
        max_cost: dollars; no case is begun beyond it, where costs are known.
        out: the run folder; by default runs/probe-NAME-TIME, or the latest unfinished one of the
            same run. Rules leave none unless asked to.
        seed: of alterations, chosen cases and, where providers allow it, answers.
        watch: told of progress.

    Raises:
        InputError: if the judge, the cases, the probes or the folder are wrong.
        SubjectError: if the judge cannot be called.
        RunError: if the run cannot go on; what had finished is kept.
    """
    terms = Terms(alpha, margin, wanted, seed)
    if repeat < 1:
        raise InputError(f"repeat: wanted at least 1, got {repeat!r}")
    found, base = _opened(judge)
    given = chosen(_cases(cases, found.fixed_kind), at_most, seed)
    kind = found.kind_for(given[0].kind)
    scale = found.scale_for(kind)
    check_labels(found, scale)
    rule = open_judge(found, kind, scale, base, seed)
    put = probes_for(kind, probes)
    todo = plan(prepared(given, found, scale, seed), put, kind, seed)
    job = _Job(found, kind, scale, todo, put, terms, repeat, base, max_cost, watch)
    job.leave_out_unreached()
    if rule is not None and out is None:
        job.by_rule(rule)
        return job.result("")
    return _in_folder(job, rule, None if out is None else Path(out))


def _cases(cases: Any, kind: Kind | None) -> list[Case]:
    from calibrant.judges.probes.catalogue.samples import sample_cases

    return sample_cases(kind or "pairwise") if cases is None else read_cases(cases, kind)


def _opened(judge: str | Path | Mapping[str, Any] | JudgeFile) -> tuple[JudgeFile, Path]:
    if isinstance(judge, str | Path) and str(judge).endswith((".yaml", ".yml")):
        return read_judge(judge), Path(judge).resolve().parent
    return parse_judge(judge), Path.cwd()


def probes_for(kind: Kind, given: Sequence[str | Probe] | None = None) -> tuple[Probe, ...]:
    """The probes that are meant, for a kind of judge; of families those that fit it.

    Raises:
        InputError: if there is no such probe, or it does not fit the kind.
    """
    from calibrant.judges.probes.catalogue import probes

    given = ("core",) if given is None else given
    names = [p for p in given if isinstance(p, str) and p != ORDER]
    called = probes(None if "all" in names else names) if names else ()
    found = [*called, *(p for p in given if isinstance(p, Probe))]
    if ORDER in given and kind == "pointwise":
        raise InputError(f"probe {ORDER}: is of judges that compare; this one grades one answer")
    unfit = next((p for p in found if kind not in p.kinds and p.name in names), None)
    if unfit is not None:
        raise InputError(f"probe {unfit.name}: is not for {kind} judges")
    fit = tuple(p for p in found if kind in p.kinds)
    twice = next((p.name for p in fit if [q.name for q in fit].count(p.name) > 1), None)
    if twice is not None or any(p.name == ORDER for p in fit):
        raise InputError(f"probes: two are named {twice or ORDER!r}")
    return fit


def all_probes() -> tuple[Probe, ...]:
    """Every probe by its name: the place, and the alterations of the catalogue."""
    from calibrant.judges.probes.catalogue import probes

    return (ORDER_SWAP, *probes())


def _in_folder(job: _Job, rule: Rule | None, out: Path | None) -> Probing:
    from anyio.from_thread import start_blocking_portal

    from calibrant.subjects import check

    if job.judge.model is not None:
        check(job.judge.model, dict(job.judge.model_args))
    folder = choose_folder(
        f"probe-{job.judge.label}", job.fingerprint(), out,
        "its judge, cases, probes or seed differ",
    )  # fmt: skip
    with RunFolder(folder) as run:
        job.open(run)
        if rule is not None:
            job.by_rule(rule)
        else:
            # A thread of its own: a notebook's loop is running already.
            with start_blocking_portal() as portal:
                portal.call(job.by_inspect, run)
        result = job.result(str(folder))
        write_parquet(job.table(), folder / "verdicts.parquet")
        run.write("probing.json", result.to_json() + "\n")
        done = datetime.now(UTC).isoformat(timespec="seconds") if job.spent is None else None
        run.save_manifest(finished=done)
        return result


class _Spending(Taker):
    """Takes trials until all came, or what they cost reaches a limit."""

    def __init__(self, many: int, tick: Callable[[Trial], None], left: float | None) -> None:
        super().__init__(many, tick)
        self.left, self.cost = left, 0.0

    def take(self, trial: Trial) -> None:
        """Take the next trial, and its cost."""
        super().take(trial)
        self.cost += trial.cost or 0.0

    def enough(self) -> bool:
        """Whether all came, or no more may be spent."""
        return super().enough() or (self.left is not None and self.cost >= self.left)


@dataclass
class _Job:
    """One session of a run."""

    judge: JudgeFile
    kind: Kind
    scale: Scale
    plan: Plan
    probes: tuple[Probe, ...]
    terms: Terms
    repeat: int
    base: Path
    max_cost: float | None
    watch: Watch | None

    def __post_init__(self) -> None:
        self.said: list[tuple[Showing, int, Said]] = []
        self.trials: list[Trial] = []
        self.texts: list[str] = []
        self.unreached: dict[str, int] = {}
        self.spent: str | None = None
        self.done = 0
        self.manifest: dict[str, Any] = {}

    def leave_out_unreached(self) -> None:
        """Do not ask again what is shown the same: the alteration does not reach this judge."""
        texts = texts_of(self.judge, self.kind, self.scale, self.plan.showings)
        drop = unreached(self.plan.showings, texts)
        for _, name in drop:
            self.unreached[name] = self.unreached.get(name, 0) + 1
            self.plan.not_applicable[name] = self.plan.not_applicable.get(name, 0) + 1
        kept = [
            (s, t)
            for s, t in zip(self.plan.showings, texts, strict=True)
            if (s.number, s.probe) not in drop
        ]
        self.plan.showings = [s for s, _ in kept]
        self.texts = [t for _, t in kept]

    def fingerprint(self) -> str:
        """A hash of everything that decides what is asked, but how often."""
        judge = self.judge.model_dump(mode="json", exclude={"max_connections", "price", "name"})
        shown = [
            [s.id, content_hash(t)] for s, t in zip(self.plan.showings, self.texts, strict=True)
        ]
        return content_hash({"judge": judge, "shown": shown, "seed": self.terms.seed})

    def open(self, run: RunFolder) -> None:
        """Note in the folder what this run is."""
        from calibrant.subjects import describe

        described = (
            {} if self.judge.model is None else {self.judge.model: describe(self.judge.model)}
        )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        run.save_manifest(
            kind="probing", fingerprint=self.fingerprint(),
            judge=self.judge.model_dump(mode="json"), models=described,
            probes=[p.name for p in self.probes], seed=self.terms.seed,
            started=run.manifest.get("started", now), finished=None,
        )  # fmt: skip
        self.manifest = dict(run.manifest)

    def by_rule(self, rule: Rule) -> None:
        """Verdicts of a rule, at once."""
        for repeat in range(self.repeat):
            for showing in self.plan.showings:
                self.said.append((showing, repeat, rule(showing, repeat)))
                self._tick(None)

    async def by_inspect(self, run: RunFolder) -> None:
        """Verdicts through Inspect, repeat by repeat; whole cases only if the money ends."""
        left = self.max_cost
        for repeat in range(self.repeat):
            trials = await self._ask(run, repeat, left)
            left = None if left is None else left - sum(t.cost or 0.0 for t in trials)
            if len(trials) < len(self.plan.showings):
                self._cut(trials, repeat)
                return
            self._keep(trials, repeat, len(trials))

    async def _ask(self, run: RunFolder, repeat: int, left: float | None) -> list[Trial]:
        from calibrant.bench.administer import Subject, administer, seed_for

        showings = self.plan.showings
        stream = stream_of(self.judge, showings, self.texts, repeat, self.base)
        taker = _Spending(len(showings), self._tick, left)
        known = [run.trials.get((stream.key, k)) for k in range(len(showings))]
        whole = [t for k, t in enumerate(known) if t is not None and t.item == stream.item(k)]
        if len(whole) == len(showings):
            # Nothing to ask: the model need not even be loaded.
            self.done += len(whole)
            return whole
        first_token = self.judge.reading != "text"
        subject = Subject(
            # A scorer that asks no model, or one of its own, needs none here.
            self.judge.model or "none/none",
            args=self.judge.model_args,
            generate={
                # Repeats of one prompt are draws of their own.
                "seed": seed_for(self.terms.seed, f"{self.judge.label} repeat {repeat}"),
                **self.judge.generate,
                **(LOG_ODDS if first_token else {}),
            },
            max_connections=self.judge.max_connections,
            price=(self.judge.price.input, self.judge.price.output) if self.judge.price else None,
        )
        await administer(stream, subject, run, taker)
        return taker.trials

    def _keep(self, trials: Sequence[Trial], repeat: int, many: int) -> None:
        self.trials += trials
        for showing, trial in zip(self.plan.showings[:many], trials, strict=False):
            self.said.append(
                (showing, repeat, said_by(self.judge, self.kind, self.scale, showing, trial))
            )

    def _cut(self, trials: list[Trial], repeat: int) -> None:
        """Keep whole repeats, or of the first one whole cases."""
        self.spent = f"the limit of ${self.max_cost:g} was reached"
        if repeat > 0:
            self.trials += trials
            self.spent += f"; {repeat} of {self.repeat} repeats are whole"
            return
        next_case = self.plan.showings[len(trials)].number
        many = next(k for k, s in enumerate(self.plan.showings) if s.number == next_case)
        if many == 0:
            raise InputError(f"max_cost: {self.spent} before the first case was whole")
        self._keep(trials, repeat, many)

    def _tick(self, _: Trial | None) -> None:
        self.done += 1
        if self.watch is not None:
            self.watch(self.done, len(self.plan.showings) * self.repeat)

    def table(self) -> pl.DataFrame:
        """The verdicts, one row a showing."""
        rows = [
            (s.number, storable(s.case.item), s.probe, s.side, s.first, repeat, said.value,
             said.log_odds, storable(said.text[:2000]), None if said.reason is None else
             storable(said.reason[:2000]))
            for s, repeat, said in self.said
        ]  # fmt: skip
        return pl.DataFrame(rows, schema=VERDICTS, orient="row")

    def result(self, folder: str) -> Probing:
        """What came of it."""
        s = summarise(
            self.table(), self.probes, self.kind, low=self.scale.low, high=self.scale.high,
            terms=self.terms, not_applicable=self.plan.not_applicable,
        )  # fmt: skip
        costs = [t.cost for t in self.trials if t.cost is not None]
        return Probing(
            judge=self.judge.label,
            **s.__dict__,
            cost=sum(costs) if costs else None,
            input_tokens=sum(t.input_tokens for t in self.trials),
            output_tokens=sum(t.output_tokens for t in self.trials),
            provenance=self._provenance(),
            warnings=self._warnings(s),
            notes=self._notes(s),
            folder=folder,
        )

    def _provenance(self) -> dict[str, Any]:
        return {
            "seed": self.terms.seed,
            "fingerprint": self.fingerprint(),
            "judge": self.judge.model_dump(mode="json"),
            "probes": [p.name for p in self.probes],
            "models": self.manifest.get("models", {}),
            "versions": {
                "calibrant": __version__,
                "inspect_ai": version("inspect_ai"),
                "numpy": version("numpy"),
                "python": platform.python_version(),
            },
        }

    def _warnings(self, s: Summary) -> tuple[str, ...]:
        out = []
        if s.failed:
            why = next(said.reason for _, _, said in self.said if said.value is None) or ""
            out.append(
                f"{s.failed} of {s.verdicts} verdicts failed and bound the effects; the first: "
                f"{one_line(why, 200)}"
            )
        if self.spent is not None:
            out.append(self.spent)
        never = [p.name for p in self.probes if p.name not in {f.name for f in s.findings}]
        if never:
            out.append(f"put on no case: {', '.join(never)}")
        return tuple(out)

    def _notes(self, s: Summary) -> tuple[str, ...]:
        out = [
            f"robust: the shift lies within ±{self.terms.margin:g} of the range, biased: it is not "
            f"0; the chance of any false one of either kind over {len(s.findings)} probes is at "
            f"most {self.terms.alpha:g}"
        ]
        if s.items < s.cases:
            out.append(f"{s.cases} cases are of {s.items} items, and those of one item one draw")
        hidden = [n for n, k in self.unreached.items() if k]
        if hidden:
            out.append(f"not shown to this judge, so no cause of bias: {', '.join(sorted(hidden))}")
        if s.repeats == 1 and self.judge.rule is None:
            out.append(
                "put once: what changes by chance alone is not told apart (repeat 2 or more)"
            )
        return tuple(out)
