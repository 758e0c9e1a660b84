"""Is the candidate not worse than the baseline? Non-inferiority by item, as an assertion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from calibrant.testing.record import note

if TYPE_CHECKING:
    from calibrant.measurement.compare import SubjectComparison


class Regression(AssertionError):
    """A regression by the margin or more was found, or could not be ruled out.

    Attributes:
        comparisons: every comparison made; differences are candidate minus baseline.
    """

    def __init__(self, message: str, comparisons: list[SubjectComparison]) -> None:
        super().__init__(message)
        self.comparisons = comparisons


def assert_no_regression(
    trials: Any,
    baseline: str,
    candidate: str,
    *,
    margin: float,
    higher_is_better: bool = True,
    score: str | None = None,
    instrument: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    max_left_out: float = 0.05,
    seed: int = 0,
) -> list[SubjectComparison]:
    """Assert that the candidate is not worse than the baseline by the margin or more.

    Items are paired. The one-sided bound of candidate minus baseline at `level` must lie on the
    good side of the margin, on every instrument and score they share; so the chance to pass a
    candidate that is worse by the margin on one of them is at most 1 - level.

    Args:
        trials: a path that `calibrant.read_trials` takes, a table of trials, or a list of these.
        baseline, candidate: subjects, as the trials name them.
        margin: the smallest loss that matters, above 0, in units of the score.
        higher_is_better: whether a higher score is the better one.
        score, instrument, cluster, level, seed: as in `calibrant.compare`.
        max_left_out: the largest share of items that may lack a score of one of the two. A
            candidate that fails on what is hard must not pass by it.

    Returns:
        The comparisons, A the candidate and B the baseline.

    Raises:
        Regression: an AssertionError with the numbers of each comparison that does not pass.
        InputError: if the trials hold no such subjects, or share no items.
    """
    __tracebackhide__ = True
    from calibrant.errors import InputError
    from calibrant.measurement import compare

    if not 0 <= max_left_out <= 1:
        raise InputError(f"max_left_out: wanted a share from 0 to 1, got {max_left_out!r}")
    found = compare(
        _together(trials), candidate, baseline, score=score, instrument=instrument,
        cluster=cluster, margin=margin, level=level, seed=seed,
    )  # fmt: skip
    problems = []
    for c in found:
        problem = _problem(c, margin, higher_is_better, max_left_out)
        note(_line(c, margin, higher_is_better, problem))
        if problem is not None:
            problems.append(_line(c, margin, higher_is_better, problem))
    if problems:
        head = f"{len(problems)} of {len(found)} comparisons do not rule out a regression"
        raise Regression("\n".join([head, *(f"  {p}" for p in problems)]), found)
    return found


def _problem(
    c: SubjectComparison, margin: float, higher_is_better: bool, max_left_out: float
) -> str | None:
    """Why a comparison does not pass; None if it does."""
    d = c.comparison
    left_out = c.only_a + c.only_b
    share = left_out / (d.n + left_out)
    if share > max_left_out:
        return (
            f"{left_out} of {d.n + left_out} items lack a score of one subject "
            f"({share:.1%}, at most {max_left_out:.1%} allowed)"
        )
    held = d.conclusion.a_not_inferior if higher_is_better else d.conclusion.b_not_inferior
    if held:
        return None
    worse = d.narrow.high <= -margin if higher_is_better else d.narrow.low >= margin
    return "worse by the margin or more" if worse else "a loss of the margin is not ruled out"


def _line(c: SubjectComparison, margin: float, higher_is_better: bool, problem: str | None) -> str:
    from calibrant._text import one_line

    d = c.comparison
    bound, limit = (d.narrow.low, -margin) if higher_is_better else (d.narrow.high, margin)
    side = "above" if higher_is_better else "below"
    said = "not worse by the margin" if problem is None else problem
    level = 1 - d.conclusion.alpha
    return one_line(
        f"{'✓' if problem is None else '✗'} {c.a} against {c.b}, {c.score} on {c.instrument}: "
        f"{d.difference:+.4g}, {level:.4g} bound {bound:+.4g}, wanted {side} {limit:+.4g}, "
        f"{d.n:,} items: {said}",
        500,
    )


def _together(trials: Any) -> Any:
    if not isinstance(trials, list | tuple):
        return trials
    import polars as pl

    from calibrant.errors import InputError
    from calibrant.measurement.tables import as_trials

    if not trials:
        raise InputError("trials: wanted at least one path or table, got none")
    return pl.concat([as_trials(t) for t in trials])
