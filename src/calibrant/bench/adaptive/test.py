"""What is asked next, and when is it enough? One adaptive test, fed by trials in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from calibrant._text import one_line
from calibrant.bench.adaptive.config import AdaptFile
from calibrant.bench.adaptive.result import Asked, Step
from calibrant.bench.streams import Stream
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.quality.shorter.session import Estimate, Session, Verdict
from calibrant.records.trials import score_number


@dataclass(frozen=True)
class Progress:
    """Where an adaptive test stands, after a batch.

    Attributes:
        asked, at_most: items, so far and at most.
        estimate: of the score on the whole benchmark.
        done: whether no more is asked.
    """

    asked: int
    at_most: int
    estimate: Estimate
    done: bool


class Test:
    """An adaptive test as `administer` takes it: items are appended batch by batch.

    Attributes:
        session: after the batches that are whole.
        stream: the items in the order they are chosen.
        chosen: names, with the batch of each.
        trials: finished, in that order.
        asked: the scores of whole batches.
        path: what was known after each.
        reason: why it ended; None while it goes on.
        settled: whether more items could not change why it ended.
    """

    __test__ = False  # not one of pytest's

    def __init__(
        self,
        session: Session,
        stream: Stream,
        at: Mapping[str, int],
        score: str | None,
        given: AdaptFile,
        watch: Callable[[Progress], None],
    ) -> None:
        self.session, self.score, self.given, self.watch = session, score, given, watch
        self.chosen: list[tuple[str, int]] = []
        self.trials: list[Trial] = []
        self.asked: list[Asked] = []
        self.path: list[Step] = []
        self.reason: str | None = None
        self.settled = False
        self.cost = 0.0
        self.stream = replace(
            stream,
            key=f"adapt/{stream.key}",
            size=None,
            sample=lambda k: stream.sample(at[self.chosen[k][0]]),
            # A journal of another run may hold what was never chosen here.
            item=lambda k: stream.item(at[self.chosen[k][0]]) if k < len(self.chosen) else "",
        )
        self._choose()

    @property
    def verdict(self) -> Verdict | None:
        """On the claim; None without one."""
        return self.session.decide().verdict

    def take(self, trial: Trial) -> None:
        """Take the next trial; with the last of a batch, look and choose the next batch."""
        self.trials.append(trial)
        self.cost += trial.cost or 0.0
        if len(self.trials) == len(self.chosen):
            self._look()

    def reach(self) -> int:
        """Items that are chosen may be started."""
        return len(self.chosen)

    def enough(self) -> bool:
        """Whether no more is asked."""
        return self.reason is not None

    def finished_out_of_order(self, trial: Trial) -> None:
        """Nothing is made of the order of arrival."""

    def _look(self) -> None:
        """Learn from a batch, and stop or go on."""
        done = len(self.asked)
        batch = list(zip(self.chosen, self.trials, strict=True))[done:]
        scores = [_score_of(trial, self.score) for _, trial in batch]
        self.session = self.session.after(
            {name: s for ((name, _), _), (s, _) in zip(batch, scores, strict=True)}
        )
        found = self.session.estimate()
        for ((name, number), _), (score, error) in zip(batch, scores, strict=True):
            self.asked.append(Asked(name, number, score, error))
        self.path.append(Step(len(self.asked), found.value, found.low, found.high))
        self._choose()
        self.watch(
            Progress(len(self.asked), self.given.at_most, found, done=self.reason is not None)
        )

    def _choose(self) -> None:
        """The next batch, or why there is none."""
        state = self.session.decide()
        if state.stopped:
            self.reason, self.settled = state.reason, True
            return
        room = self.given.at_most - len(self.chosen)
        if room <= 0:
            self.reason = f"{len(self.chosen)} items were asked, as many as may be"
            self.settled = self.given.claim is None and self.given.standard_error is None
            return
        if self.given.max_cost is not None and self.cost >= self.given.max_cost:
            self.reason = f"the limit of ${self.given.max_cost:g} was reached"
            return
        number = self.chosen[-1][1] + 1 if self.chosen else 1
        # Chosen whole and then cut, so that a run that may ask more goes on with the same batch.
        names = self.session.next(self.given.batch)[:room]
        if not names:
            self.reason, self.settled = "no item is left that may be asked", True
        self.chosen += [(name, number) for name in names]


def _score_of(trial: Trial, wanted: str | None) -> tuple[float | None, str | None]:
    """The score of a trial, or why it has none.

    Raises:
        InputError: if the instrument gives several scores and none is named.
    """
    if trial.error is not None:
        return None, trial.error
    if wanted is None:
        plain = [name for name in trial.scores if "." not in name] or list(trial.scores)
        if len(plain) > 1:
            raise InputError(f"score: the instrument gives {', '.join(plain)[:200]}; name one")
        wanted = plain[0]
    if wanted not in trial.scores:
        return None, f"no score {wanted!r}; there are {one_line(', '.join(trial.scores), 200)}"
    number = score_number(trial.scores[wanted])
    if number is None:
        return None, f"score is no number: {one_line(repr(trial.scores[wanted]), 200)}"
    return number, None
