"""Does a black box repeat what it may have seen? The verb `probe`, through Inspect.

Every answer is kept as it comes; a run goes on where it was cut off, and gives the same for any
number of connections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from calibrant._text import storable
from calibrant._version import __version__
from calibrant.bench.arena.streams import Taker, _done
from calibrant.bench.exposure.asks import SCORES, Ask, Method, Settings, plan, value_of
from calibrant.bench.exposure.result import ExposureProbe, check_reason, concluded, means_of
from calibrant.bench.folder import RunFolder, choose_folder
from calibrant.bench.streams import Stream
from calibrant.bench.trial import Trial
from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.items import Item, read_items
from calibrant.errors import InputError
from calibrant.records.identity import content_hash
from calibrant.records.trials import write_parquet

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

Watch = Callable[[int, int], None]
"""Told how many answers there are, and how many there will be."""

TRUE = {"1", "true", "yes", "published", "public", "exposed", "seen"}
FALSE = {"0", "false", "no", "held out", "held-out", "heldout", "held_out", "private", "unseen"}


def probe(
    items: Any,
    subject: str,
    method: Method = "completion",
    *,
    twins: Any = None,
    split: Sequence[Any] | None = None,
    reason: str | None = None,
    score: str | None = None,
    benchmark: str | None = None,
    plain: bool = False,
    part: str = "question",
    orders: int = 7,
    samples: int = 20,
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
    out: str | Path | None = None,
    args: Mapping[str, Any] | None = None,
    generate: Mapping[str, Any] | None = None,
    max_connections: int | None = None,
    watch: Watch | None = None,
) -> ExposureProbe:
    """Probe a subject that need not give log-probabilities.

    Args:
        items: as `read_items` takes them.
        subject: an Inspect model name.
        method: "completion": the first part of an item is given, and how it goes on is compared
            (Golchin & Surdeanu, arXiv 2308.08493); "options": a wrong option is masked and asked
            for (Deng et al., arXiv 2311.09783); "order": whether it is right more often with the
            options in their published order; "peaked": whether answers at temperature 1 are all
            nearly the same (Dong et al., arXiv 2402.15938).
        twins: unpublished items of the same design, one for each item: by id, or row by row.
        split: of each item, whether it was published.
        reason: why a p-value is valid, a key of `REASONS`: "random-twin", "random-split" or, for
            "order", "random-order". None: values alone, and no p-value.
        score: what an item's value is; by default the first of `SCORES[method]`.
        benchmark: named in a second prompt of "completion".
        plain: give a base model the first part without any instruction.
        part: what is completed, "question" or "both".
        orders: random orders of options besides the published one.
        samples: answers at temperature 1 of "peaked".
        alpha, draws: of the test.
        seed: of what is drawn, and of answers where providers allow it.
        out: the run folder; by default runs/exposure-…, or the latest unfinished one of this run.
        args, generate, max_connections: of the Inspect model.
        watch: told of progress.

    Raises:
        InputError: if the items, the method, the reason or the folder are wrong.
        SubjectError: if the subject cannot be called.
        RunError: if the run cannot go on; what had finished is kept.
    """
    if method not in SCORES:
        raise InputError(f"method: wanted one of {', '.join(SCORES)}; got {method!r}")
    score = SCORES[method][0] if score is None else score
    if score not in SCORES[method]:
        raise InputError(f"score: wanted {' or '.join(SCORES[method])} of {method}; got {score!r}")
    for name, number in (("orders", orders), ("samples", samples)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f"{name}: wanted a whole number of at least 1, got {number!r}")
    if part not in ("question", "both"):
        raise InputError(f"part: wanted question or both, got {part!r}")
    rows = _rows(read_items(items), None if twins is None else read_items(twins), split)
    check_reason(method, reason, [r.group for r in rows])
    settings = Settings(benchmark, plain, part, orders, samples, seed=seed)  # type: ignore[arg-type]
    job = _Job(
        rows, subject, method, score, settings, dict(args or {}), dict(generate or {}),
        max_connections, watch,
    )  # fmt: skip
    return job.run(reason, alpha, draws, None if out is None else Path(out))


@dataclass(frozen=True)
class _Row:
    """An item with its group; `pair` joins it to its twin."""

    item: Item
    group: str
    pair: str


def _rows(
    items: Sequence[Item], twins: Sequence[Item] | None, split: Sequence[Any] | None
) -> list[_Row]:
    groups = ["published"] * len(items) if split is None else _groups(split, len(items))
    found = [_Row(i, g, i.id) for i, g in zip(items, groups, strict=True)]
    if twins is None:
        return found
    if split is not None:
        raise InputError("items have either twins or a split, got both")
    ids = {i.id for i in items}
    if {t.id for t in twins} <= ids:
        pairs = [t.id for t in twins]
    elif len(twins) == len(items):
        pairs = [i.id for i in items]
    else:
        raise InputError(
            f"twins: wanted ids of items, or one for each of the {len(items)} items, "
            f"got {len(twins)} with other ids"
        )
    clusters = {i.id: i.cluster for i in items}
    return found + [
        _Row(replace(t, id=f"twin of {p}", cluster=clusters[p]), "twin", p)
        for t, p in zip(twins, pairs, strict=True)
    ]


def _groups(split: Sequence[Any], many: int) -> list[str]:
    if len(split) != many:
        raise InputError(f"split: wanted one value an item ({many}), got {len(split)}")
    found = []
    for number, value in enumerate(split, 1):
        word = str(value).strip().casefold()
        word = word.removesuffix(".0")
        if word not in TRUE | FALSE:
            raise InputError(
                f"split: of item {number} wanted published or held out (or true, false), "
                f"got {value!r}"
            )
        found.append("published" if word in TRUE else "held out")
    if len(set(found)) == 1:
        raise InputError(f"split: wanted items of both groups, got only {found[0]}")
    return found


class _Job:
    """One session of a run."""

    def __init__(
        self, rows: list[_Row], subject: str, method: Method, score: str, settings: Settings,
        args: dict[str, Any], generate: dict[str, Any], max_connections: int | None,
        watch: Watch | None,
    ) -> None:  # fmt: skip
        self.rows, self.subject, self.method, self.score = rows, subject, method, score
        self.settings, self.args, self.generate = settings, args, generate
        self.max_connections, self.watch = max_connections, watch
        self.asks, self.left_out = plan(method, [r.item for r in rows], settings)
        if not self.asks:
            raise InputError(f"no item can be put; the first {next(iter(self.left_out.values()))}")
        self.trials: dict[str, Trial] = {}

    def fingerprint(self) -> str:
        """A hash of everything that decides what is asked."""
        return content_hash({
            "subject": self.subject, "args": self.args, "generate": self.generate,
            "asks": [[a.id, content_hash(a.prompt)] for a in self.asks], "method": self.method,
            "seed": self.settings.seed,
        })  # fmt: skip

    def run(self, reason: str | None, alpha: float, draws: int, out: Path | None) -> ExposureProbe:
        """Ask what has not been asked yet, and conclude."""
        from anyio.from_thread import start_blocking_portal

        from calibrant.subjects import check, describe

        # A test that these groups and clusters do not allow is refused before anything is asked.
        self._tested(self._dry(), reason, alpha, draws)
        check(self.subject, self.args)
        folder = choose_folder(
            f"exposure-{self.method}-{self.subject.replace('/', '-')}", self.fingerprint(), out,
            "its subject, items, method or seed differ",
        )  # fmt: skip
        with RunFolder(folder) as kept:
            kept.save_manifest(
                kind="exposure", fingerprint=self.fingerprint(), subject=describe(self.subject),
                method=self.method, settings=asdict(self.settings), version=__version__,
                finished=None,
            )  # fmt: skip
            # A thread of its own: a notebook's loop is running already.
            with start_blocking_portal() as portal:
                portal.call(self._ask, kept)
            found = self._concluded(reason, alpha, draws, str(folder))
            kept.write("exposure.json", found.to_json() + "\n")
            write_parquet(self._answers(), folder / "answers.parquet")
            kept.save_manifest(finished=True)
        return found

    async def _ask(self, kept: RunFolder) -> None:
        from calibrant.bench.administer import Subject, administer, seed_for

        for kind, asks in self._streams().items():
            stream = _stream(f"exposure/{self.method}/{kind}", asks)
            taker = Taker(len(asks), self._tick)
            drawn = kind not in ("all", "greedy")
            longest = max(ask.words for ask in asks)
            generate = {
                "temperature": 1.0 if drawn else 0.0, "max_tokens": min(16 + 2 * longest, 1024),
                "seed": seed_for(self.settings.seed, kind), **self.generate,
            }  # fmt: skip
            subject = Subject(
                self.subject, args=self.args, generate=generate,
                max_connections=self.max_connections,
            )  # fmt: skip
            await administer(stream, subject, kept, taker)
            self.trials |= {a.id: t for a, t in zip(asks, taker.trials, strict=True)}

    def _streams(self) -> dict[str, list[Ask]]:
        """What is put together: all, or of samples each draw apart, under a seed of its own."""
        if self.method != "peaked":
            return {"all": self.asks}
        kinds: dict[str, list[Ask]] = {}
        for ask in self.asks:
            kinds.setdefault(ask.kind, []).append(ask)
        return kinds

    def _tick(self, _: Trial) -> None:
        if self.watch is not None:
            self.done = getattr(self, "done", 0) + 1
            self.watch(self.done, len(self.asks))

    def _concluded(
        self, reason: str | None, alpha: float, draws: int, folder: str
    ) -> ExposureProbe:
        table = self._table()
        test = self._tested(table, reason, alpha, draws)
        trials = list(self.trials.values())
        means = means_of(table, -1.0 if self.method == "order" else 0.0)
        return ExposureProbe(
            self.subject, self.method, self.score, table, means, test,
            failed=sum(t.error is not None for t in trials),
            left_out=tuple((self.rows[n].item.id, why) for n, why in self.left_out.items()),
            calls=len(trials), tokens=sum(t.input_tokens + t.output_tokens for t in trials),
            folder=folder, notes=self._notes(table),
        )  # fmt: skip

    def _tested(
        self, table: pl.DataFrame, reason: str | None, alpha: float, draws: int
    ) -> ExposureTest:
        return concluded(
            table, self.method, subject=self.subject, reason=reason, alpha=alpha, draws=draws,
            texts={storable(r.item.id): r.item.question for r in self.rows},
            seed=self.settings.seed,
        )  # fmt: skip

    def _dry(self) -> pl.DataFrame:
        """The table with values that say nothing."""
        kinds = Counter(ask.item for ask in self.asks)
        return pl.DataFrame([
            {**self._known(number), "value": 0.0, "row": [0.0] * many}
            for number, many in kinds.items()
        ])  # fmt: skip

    def _known(self, number: int) -> dict[str, str]:
        row = self.rows[number]
        return {
            "item": storable(row.item.id), "group": row.group, "pair": storable(row.pair),
            "cluster": storable(row.item.cluster),
        }  # fmt: skip

    def _table(self) -> pl.DataFrame:
        by_item: dict[int, dict[str, Ask]] = {}
        for ask in self.asks:
            by_item.setdefault(ask.item, {})[ask.kind] = ask
        records = []
        for number, asks in by_item.items():
            trials = {kind: self.trials[ask.id] for kind, ask in asks.items()}
            whole = all(t.error is None for t in trials.values())
            said = {kind: t.answer for kind, t in trials.items()}
            found = value_of(self.method, self.score, self.settings, said, asks) if whole else {}
            records.append({**self._known(number), "value": None, **found})
        frame = pl.DataFrame(records, infer_schema_length=None)
        return frame.with_columns(pl.col("value").cast(pl.Float64))

    def _answers(self) -> pl.DataFrame:
        return pl.DataFrame([
            {"item": storable(self.rows[a.item].item.id), "group": self.rows[a.item].group,
             "kind": a.kind, "prompt": storable(a.prompt), "wanted": storable(a.wanted),
             "answer": storable(self.trials[a.id].answer), "error": self.trials[a.id].error}
            for a in self.asks
        ], infer_schema_length=None)  # fmt: skip

    def _notes(self, table: pl.DataFrame) -> tuple[str, ...]:
        notes = []
        if self.settings.benchmark is not None and self.method == "completion":
            notes.append(
                "naming the benchmark changes the prompt, too: a gain over the general prompt is "
                "no evidence by itself"
            )
        if self.method == "order" and self.settings.orders > 1:
            notes.append("a subject's liking for a place of the list favours no order by chance")
        if len(table) and table["value"].null_count() == len(table):
            notes.append("every item has an answer that failed")
        return tuple(notes)


def _stream(key: str, asks: Sequence[Ask]) -> Stream:
    """Prompts as a stream for Inspect."""
    from inspect_ai.dataset import Sample

    def sample(position: int) -> Sample:
        return Sample(input=asks[position].prompt, id=asks[position].id)

    def task() -> Task:
        from inspect_ai import Task
        from inspect_ai.solver import generate

        return Task(dataset=[sample(0)], solver=generate(), scorer=_done())

    return Stream(
        key=key, title="probes of exposure", size=len(asks), scores=("done",), task=task,
        sample=sample, item=lambda position: content_hash(asks[position].prompt),
    )  # fmt: skip
