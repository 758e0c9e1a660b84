"""Given how far raters and areas differ: the most likely scores, and how sure they are.

The field is, question by question, the thresholds, the own-area effect and the areas' scores;
beside it stand the raters' severities. The log posterior of all of them is concave (Pratt, JASA 76
(1981) 103), so Newton's method finds its only mode. Severities of different raters meet only in
the field: they are eliminated (Schur complement), and what is factored is the field's matrix,
2 × 105 areas and a few thresholds, however many raters there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve
from scipy.special import ndtri

from calibrant.errors import CalibrantError
from calibrant.priorities.model.layout import Answers, Layout
from calibrant.priorities.model.priors import EXTRA, OWN, WIDTH, Spreads
from calibrant.stats.ordinal.likelihood import Slopes, log_chance, slopes

Floats = NDArray[np.float64]

STEPS = 100
TOLERANCE = 1e-9
"""Half the Newton decrement, in units of the log posterior, at which a mode is found."""


class Field:
    """The places of thresholds, own-area effects and areas in one vector.

    Attributes:
        size: length of the vector.
        blocks: per question, the slice of its part; in it come thresholds, the own-area effect if
            any, and areas.
        steps: per question, its number of thresholds.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.areas = len(layout.areas)
        self.raters = len(layout.respondents)
        self.questions = len(layout.questions)
        self.own = int(layout.owns)
        self.steps = [a.levels - 1 for a in layout.answers]
        ends = np.cumsum([s + self.own + self.areas for s in self.steps])
        self.size = int(ends[-1])
        self.blocks = [
            slice(int(e) - s - self.own - self.areas, int(e))
            for s, e in zip(self.steps, ends, strict=True)
        ]
        sizes = np.bincount(layout.category)
        self.sizes = sizes
        self.same = (layout.category[:, None] == layout.category) / sizes[layout.category][:, None]

    def thresholds(self, question: int) -> slice:
        """Where a question's thresholds are."""
        start = self.blocks[question].start
        return slice(start, start + self.steps[question])

    def scores(self, question: int) -> slice:
        """Where the areas' latent scores for a question are."""
        end = self.blocks[question].stop
        return slice(end - self.areas, end)

    def start(self) -> Floats:
        """A point to begin from: thresholds at the shares of the labels, all else 0."""
        f = np.zeros(self.size)
        for q, a in enumerate(self.layout.answers):
            counts = np.bincount(a.value, minlength=a.levels) + 1.0
            f[self.thresholds(q)] = ndtri(np.cumsum(counts)[:-1] / counts.sum())
        return f

    def precision(self, s: Spreads) -> tuple[Floats, float]:
        """The prior precision of the scores, in the field's places, and the log of its determinant.

        Areas of one category share a part, so that the mean of its n areas has covariance
        area/n + category, and what remains has covariance `area`.
        """
        within = np.linalg.inv(s.area)
        n = self.sizes[:, None, None]
        groups = s.area + (0.0 if s.category is None else n * s.category)
        between = np.linalg.inv(np.broadcast_to(groups, (self.sizes.size, *s.area.shape)))
        matrix = np.zeros((self.size, self.size))
        extra = (between - within)[self.layout.category]
        for q in range(self.questions):
            for p in range(self.questions):
                part = self.same * extra[:, q, p][:, None]
                part[np.diag_indices(self.areas)] += within[q, p]
                matrix[self.scores(q), self.scores(p)] = part
        log = (self.areas - self.sizes.size) * np.linalg.slogdet(within)[1]
        return matrix, float(log + np.linalg.slogdet(between)[1].sum())


@dataclass(frozen=True, eq=False)
class Expansion:
    """The log likelihood, with the prior of thresholds and own-area effects, about a point.

    Attributes:
        f, b: the point: the field, and severities of shape (raters, questions).
        value: there.
        f_slope, b_slope: gradient.
        matrix: minus the second derivatives within the field.
        cross: per question, shape (raters, length of its block): between severities and field.
        weight: shape (raters, questions): of severities.
    """

    f: Floats
    b: Floats
    value: float
    f_slope: Floats
    b_slope: Floats
    matrix: Floats
    cross: tuple[Floats, ...]
    weight: Floats


def limits(field: Field, q: int, f: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The thresholds around each answer to a question, less the latent score's mean."""
    a = field.layout.answers[q]
    block = f[field.blocks[q]]
    steps = field.steps[q]
    edges = np.concatenate([[-np.inf], block[:steps], [np.inf]])
    centre = block[steps + field.own :][a.area] + b[a.respondent, q]
    if field.own:
        centre = centre + block[steps] * a.own
    return edges[a.value + 1] - centre, edges[a.value] - centre


def likelihood(field: Field, f: Floats, b: Floats) -> float:
    """The log likelihood with the prior of thresholds and own-area effects; -inf out of order."""
    total = 0.0
    for q in range(field.questions):
        steps = f[field.thresholds(q)]
        if (np.diff(steps) <= 0).any():
            return -math.inf
        total += float(log_chance(*limits(field, q, f, b)).sum())
        total += float(EXTRA * log_chance(*_edges(steps)).sum()) - 0.5 * float(
            ((steps / WIDTH) ** 2).sum()
        )
        if field.own:
            total -= 0.5 * float(f[field.blocks[q]][field.steps[q]] / OWN) ** 2
    return total


def _edges(steps: Floats) -> tuple[Floats, Floats]:
    edges = np.concatenate([[-np.inf], steps / WIDTH, [np.inf]])
    return edges[1:], edges[:-1]


def expand(field: Field, f: Floats, b: Floats) -> Expansion:
    """Value, gradient and curvature of the log likelihood at a point with ordered thresholds."""
    value = 0.0
    f_slope = np.zeros(field.size)
    b_slope = np.zeros_like(b)
    matrix = np.zeros((field.size, field.size))
    weight = np.zeros_like(b)
    cross = []
    for q, answers in enumerate(field.layout.answers):
        s = slopes(*limits(field, q, f, b))
        value += float(s.log.sum())
        block = field.blocks[q]
        part, slope, links = _question(field, q, answers, s)
        matrix[block, block] = part
        f_slope[block] = slope
        centre = s.uu + 2 * s.ul + s.ll
        weight[:, q] = np.bincount(answers.respondent, centre, field.raters)
        b_slope[:, q] = -np.bincount(answers.respondent, s.u + s.l, field.raters)
        cross.append(links)
        value += _prior(field, q, f, f_slope, matrix)
    return Expansion(f, b, value, f_slope, b_slope, matrix, tuple(cross), weight)


def _question(field: Field, q: int, a: Answers, s: Slopes) -> tuple[Floats, Floats, Floats]:
    """Curvature and slope of a question's block, and its curvature with severities."""
    k, own, areas, raters = field.steps[q], field.own, field.areas, field.raters
    size = k + own + areas
    levels = k + 1
    part = np.zeros((size, size))
    slope = np.zeros(size)
    links = np.zeros((raters, size))
    at = slice(k + own, size)
    upper, lower = s.uu + s.ul, s.ll + s.ul
    centre = upper + lower
    # By answer: the upper threshold of answer v is threshold v, the lower is v - 1.
    part[range(k), range(k)] = (
        np.bincount(a.value, s.uu, levels)[:-1] + np.bincount(a.value, s.ll, levels)[1:]
    )
    if k > 1:
        beside = np.bincount(a.value, s.ul, levels)[1:-1]
        part[range(1, k), range(k - 1)] = part[range(k - 1), range(1, k)] = beside
    slope[:k] = np.bincount(a.value, s.u, levels)[:-1] + np.bincount(a.value, s.l, levels)[1:]
    slope[at] = -np.bincount(a.area, s.u + s.l, areas)

    def table(rows: NDArray[np.int64], many: int, scale: Floats | float = 1.0) -> Floats:
        code = rows * levels + a.value
        up = np.bincount(code, upper * scale, many * levels).reshape(many, levels)
        low = np.bincount(code, lower * scale, many * levels).reshape(many, levels)
        return np.asarray(-(up[:, :-1] + low[:, 1:]))

    part[at, :k] = table(a.area, areas)
    part[:k, at] = part[at, :k].T
    part[np.arange(k + own, size), np.arange(k + own, size)] = np.bincount(a.area, centre, areas)
    links[:, :k] = table(a.respondent, raters)
    links[a.respondent, k + own + a.area] = centre
    if own:
        mine = centre * a.own
        slope[k] = -((s.u + s.l) * a.own).sum()
        part[k, k] = (mine * a.own).sum()
        part[k, at] = part[at, k] = np.bincount(a.area, mine, areas)
        part[k, :k] = part[:k, k] = table(np.zeros_like(a.area), 1, a.own)[0]
        links[:, k] = np.bincount(a.respondent, mine, raters)
    return part, slope, links


def _prior(field: Field, q: int, f: Floats, slope: Floats, matrix: Floats) -> float:
    """Add the prior of thresholds and of the own-area effect; its log density."""
    at = field.thresholds(q)
    steps = f[at]
    k = steps.size
    s = slopes(*_edges(steps))
    value = float(EXTRA * s.log.sum()) - 0.5 * float(((steps / WIDTH) ** 2).sum())
    slope[at] += EXTRA / WIDTH * (s.u[:-1] + s.l[1:]) - steps / WIDTH**2
    rows = np.arange(at.start, at.stop)
    matrix[rows, rows] += (EXTRA * (s.uu[:-1] + s.ll[1:]) + 1) / WIDTH**2
    if k > 1:
        beside = EXTRA / WIDTH**2 * s.ul[1:-1]
        matrix[rows[1:], rows[:-1]] += beside
        matrix[rows[:-1], rows[1:]] += beside
    if field.own:
        i = at.stop
        value -= 0.5 * float(f[i] / OWN) ** 2
        slope[i] -= f[i] / OWN**2
        matrix[i, i] += 1 / OWN**2
    return value


@dataclass(frozen=True, eq=False)
class Step:
    """One Newton step from an expansion's point, given the spreads.

    Attributes:
        f, b: where it leads.
        decrement: half the squared length of the step in the metric of the curvature.
        value: log posterior density at the point it starts from.
        log_det: log determinant of the whole curvature.
        root: lower Cholesky factor of the field's Schur complement.
        inverse: shape (raters, questions, questions): inverse curvature of severities.
    """

    f: Floats
    b: Floats
    decrement: float
    value: float
    log_det: float
    root: Floats
    inverse: Floats

    @property
    def evidence(self) -> float:
        """Log marginal likelihood where the expansion is exact, up to a constant."""
        return self.value + self.decrement - 0.5 * self.log_det


def step(field: Field, e: Expansion, s: Spreads) -> Step:
    """The Newton step; the Laplace approximation about where it leads."""
    prior, log_prior = field.precision(s)
    rater = np.linalg.inv(s.rater)
    curve = np.zeros((field.raters, field.questions, field.questions))
    curve[:, range(field.questions), range(field.questions)] = e.weight
    curve += rater
    inverse = np.asarray(np.linalg.inv(curve), float)
    slope = e.f_slope - prior @ e.f
    b_slope = e.b_slope - e.b @ rater
    schur = e.matrix + prior
    pulled = np.einsum("rqp,rp->rq", inverse, b_slope)
    right = slope.copy()
    for q, at in enumerate(field.blocks):
        right[at] -= e.cross[q].T @ pulled[:, q]
        for p in range(q + 1):
            to = field.blocks[p]
            part = e.cross[q].T @ (inverse[:, q, p, None] * e.cross[p])
            schur[at, to] -= part
            if p < q:
                schur[to, at] -= part.T
    try:
        root = np.asarray(np.linalg.cholesky(schur), float)
    except LinAlgError as error:
        raise CalibrantError("priorities: the model's curvature is not positive") from error
    move = cho_solve((root, True), right)
    back = b_slope.copy()
    for q, at in enumerate(field.blocks):
        back[:, q] -= e.cross[q] @ move[at]
    b_move = np.einsum("rqp,rp->rq", inverse, back)
    value = e.value - 0.5 * float(e.f @ (prior @ e.f)) - 0.5 * float((e.b @ rater * e.b).sum())
    value += 0.5 * log_prior + 0.5 * field.raters * float(np.linalg.slogdet(rater)[1])
    log_det = 2 * float(np.log(np.diag(root)).sum()) - float(np.linalg.slogdet(inverse)[1].sum())
    decrement = 0.5 * float(slope @ move + (b_slope * b_move).sum())
    return Step(e.f + move, e.b + b_move, decrement, value, log_det, root, inverse)


def settle(field: Field, e: Expansion, s: Spreads) -> tuple[Expansion, Step]:
    """Newton steps from an expansion to the mode, halved where they would lead downhill.

    Returns:
        The expansion about the mode, to `TOLERANCE`, and the step from there.

    Raises:
        CalibrantError: if the mode is not found.
    """
    prior, _ = field.precision(s)
    rater = np.linalg.inv(s.rater)

    def density(f: Floats, b: Floats) -> float:
        value = likelihood(field, f, b)
        return value - 0.5 * float(f @ (prior @ f)) - 0.5 * float((b @ rater * b).sum())

    for _ in range(STEPS):
        found = step(field, e, s)
        if found.decrement < TOLERANCE:
            return e, found
        here = e.value - 0.5 * float(e.f @ (prior @ e.f)) - 0.5 * float((e.b @ rater * e.b).sum())
        share = 1.0
        while True:
            f, b = e.f + share * (found.f - e.f), e.b + share * (found.b - e.b)
            if density(f, b) > here - 1e-9 * max(1.0, abs(here)):
                break
            share /= 2
            if share < 1e-8:
                raise CalibrantError("priorities: the model's mode was not found")
        e = expand(field, f, b)
    raise CalibrantError(f"priorities: the model's mode was not found in {STEPS} steps")
