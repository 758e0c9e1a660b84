"""What loss will a larger or longer trained model have, and what error does that loss mean?

Loss as a law of parameters N and tokens D = M N, error as a law of loss; both after Gadre et al.
(2024), Language models scale reliably with over-training and on downstream tasks, equations 4 and
5. Their procedure: the law of loss is fitted by least squares to four small models trained with
M = 20 and one that is trained longer; the law of error to these and one larger model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from calibrant.errors import InputError, UnfitError

Floats = NDArray[np.float64]
Terms = Callable[[Floats], tuple[Floats, Floats]]

_GRID, _FINER = 120, 8


@dataclass(frozen=True, repr=False, eq=False)
class LossLaw:
    """Loss = irreducible + a N^-exponent + b (√6 M N)^-exponent for N parameters and M N tokens.

    Attributes:
        irreducible, a, b, exponent: of the law; b multiplies 6^(-exponent/2) (M N)^-exponent.
        covariance: of (irreducible, a, b, log exponent), shape (4, 4).
        residual: standard deviation of what the law leaves.
        df: degrees of freedom of the residual; 0 where as many numbers were fitted as given.
        reach: largest compute 6 N D that was fitted, FLOPs.
    """

    irreducible: float
    a: float
    b: float
    exponent: float
    covariance: Floats
    residual: float
    df: int
    reach: float

    def __repr__(self) -> str:
        return (
            f"LossLaw: loss = {self.irreducible:.4g} + {self.a:.4g} N^-{self.exponent:.4g} + "
            f"{self.b:.4g} (√6 M N)^-{self.exponent:.4g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        names = ("irreducible", "a", "b", "exponent", "residual", "df", "reach")
        plain: dict[str, Any] = {name: getattr(self, name) for name in names}
        return plain | {"covariance": self.covariance.tolist(), "says": repr(self)}

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)

    def predict(self, parameters: Floats, tokens: Floats) -> Floats:
        """Loss of models with so many parameters, trained on so many tokens."""
        first, _ = _loss_terms(np.asarray(parameters, float), np.asarray(tokens, float))(
            np.array([np.log(self.exponent)])
        )
        beta = np.array([self.irreducible, self.a, self.b])
        return np.asarray(first[0] @ beta)

    def interval(
        self, parameters: Floats, tokens: Floats, level: float = 0.9
    ) -> tuple[Floats, Floats]:
        """Where the loss of a further model lies if the law holds there too: Student's t.

        Raises:
            UnfitError: if as many numbers were fitted as losses were given.
        """
        return _t_interval(
            self.predict(parameters, tokens), self._slopes(parameters, tokens), self.covariance,
            self.residual, self.df, level,
        )  # fmt: skip

    def sd(self, parameters: Floats, tokens: Floats) -> Floats:
        """Standard error of the loss of a further model: of the law and of what it leaves.

        Raises:
            UnfitError: if as many numbers were fitted as losses were given.
        """
        slope = self._slopes(parameters, tokens)
        return np.sqrt(_variance(slope, self.covariance, self.residual, self.df))

    def _slopes(self, parameters: Floats, tokens: Floats) -> Floats:
        terms = _loss_terms(np.asarray(parameters, float), np.asarray(tokens, float))
        beta = np.array([self.irreducible, self.a, self.b])
        return _slopes(terms, beta, float(np.log(self.exponent)))


@dataclass(frozen=True, repr=False, eq=False)
class ErrorLaw:
    """Error = ceiling - k exp(-rate · loss).

    Attributes:
        ceiling: error of a model that knows nothing.
        k, rate: of the law.
        covariance: of (ceiling, k, log rate), shape (3, 3).
        residual: standard deviation of what the law leaves.
        df: degrees of freedom of the residual.
    """

    ceiling: float
    k: float
    rate: float
    covariance: Floats
    residual: float
    df: int

    def __repr__(self) -> str:
        return f"ErrorLaw: error = {self.ceiling:.4g} - {self.k:.4g} exp(-{self.rate:.4g} loss)"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        names = ("ceiling", "k", "rate", "residual", "df")
        plain: dict[str, Any] = {name: getattr(self, name) for name in names}
        return plain | {"covariance": self.covariance.tolist(), "says": repr(self)}

    def _repr_html_(self) -> str:
        from calibrant._figure import notebook

        return notebook(self)

    def predict(self, loss: Floats) -> Floats:
        """Error of models with such a loss."""
        return np.asarray(self.ceiling - self.k * np.exp(-self.rate * np.asarray(loss)))

    def interval(
        self, loss: Floats, level: float = 0.9, *, loss_sd: float | Floats = 0.0
    ) -> tuple[Floats, Floats]:
        """Where the error of a further model lies if the law holds there too: Student's t.

        Args:
            loss: of the models.
            level: share that is to be held.
            loss_sd: standard error of the loss, where it is forecast itself.

        Raises:
            UnfitError: if as many numbers were fitted as errors were given.
        """
        loss = np.atleast_1d(np.asarray(loss, dtype=float))
        beta, shape = np.array([self.ceiling, self.k]), float(np.log(self.rate))
        slope = _slopes(_error_terms(loss), beta, shape)
        steep = self.k * self.rate * np.exp(-self.rate * loss)
        return _t_interval(
            self.predict(loss), slope, self.covariance,
            np.hypot(self.residual, steep * loss_sd), self.df, level,
        )  # fmt: skip


def loss_law(loss: Floats, parameters: Floats, tokens: Floats) -> LossLaw:
    """Fit the law of loss by least squares from many starts.

    Args:
        loss: shape (models,); in nats per token, or any unit.
        parameters, tokens: shape (models,).

    Raises:
        InputError: if something is not above 0 or lengths differ.
        UnfitError: if there are fewer than 4 models, or no two multiples of tokens to parameters.
    """
    y, n, d = (np.asarray(v, dtype=float) for v in (loss, parameters, tokens))
    _positive(loss=y, parameters=n, tokens=d)
    if y.size < 4:
        raise UnfitError(f"loss law: wanted at least 4 models, got {y.size}")
    if np.ptp(np.log(d / n)) < 0.05:
        raise UnfitError(
            "loss law: every model has the same tokens per parameter, so that longer training "
            "cannot be told from size"
        )
    starts = np.log(np.array([[0.05], [0.1], [0.2], [0.3], [0.5], [0.8]]))
    beta, shape, covariance, residual, df = _fit(y, _loss_terms(n, d), 3, starts)
    return LossLaw(
        float(beta[0]), float(beta[1]), float(beta[2]), float(np.exp(shape)), covariance,
        residual, df, float(np.max(6 * n * d)),
    )  # fmt: skip


def error_law(loss: Floats, error: Floats) -> ErrorLaw:
    """Fit the law of error against loss by least squares from many starts.

    Args:
        loss: shape (models,).
        error: shape (models,); such as one minus accuracy, averaged over tasks.

    Raises:
        InputError: if something is not above 0 or lengths differ.
        UnfitError: if there are fewer than 3 models, or one loss only.
    """
    x, y = np.asarray(loss, dtype=float), np.asarray(error, dtype=float)
    _positive(loss=x, error=y)
    if np.unique(x).size < 3:
        raise UnfitError(f"error law: wanted at least 3 losses, got {np.unique(x).size}")
    starts = np.log(np.array([[0.1], [0.3], [0.7], [1.5], [3.0]]) / max(np.ptp(x), 1e-6))
    beta, shape, covariance, residual, df = _fit(y, _error_terms(x), 2, starts)
    return ErrorLaw(float(beta[0]), float(beta[1]), float(np.exp(shape)), covariance, residual, df)


def _loss_terms(n: Floats, d: Floats) -> Terms:
    """(1, N^-e, (√6 D)^-e) and their slopes in log e, shape (k, models, 3) for k values of it."""

    def terms(shape: Floats) -> tuple[Floats, Floats]:
        e = np.exp(shape)[:, None]
        p, q = n**-e, (np.sqrt(6) * d) ** -e
        slopes = [np.zeros_like(p), -e * np.log(n) * p, -e * np.log(np.sqrt(6) * d) * q]
        return np.stack([np.ones_like(p), p, q], axis=-1), np.stack(slopes, axis=-1)

    return terms


def _error_terms(loss: Floats) -> Terms:
    """(1, -exp(-r loss)) and their slopes in log r, shape (k, models, 2) for k values of log r."""

    def terms(shape: Floats) -> tuple[Floats, Floats]:
        r = np.exp(shape)[:, None]
        e = np.exp(-r * loss)
        return (
            np.stack([np.ones_like(e), -e], axis=-1),
            np.stack([np.zeros_like(e), r * loss * e], axis=-1),
        )

    return terms


def _slopes(terms: Terms, beta: Floats, shape: float) -> Floats:
    first, change = terms(np.array([shape]))
    return np.concatenate([first[0], (change[0] @ beta)[..., None]], axis=-1)


def _fit(
    y: Floats, terms: Terms, linear: int, starts: Floats
) -> tuple[Floats, float, Floats, float, int]:
    """Least squares; coefficients that enter linearly are projected out (Golub and Pereyra 1973).

    What is left is one number, whose best value is sought on ever finer grids.
    """

    def cost(grid: Floats) -> Floats:
        first, _ = terms(grid)
        q, _ = np.linalg.qr(first / np.linalg.norm(first, axis=1, keepdims=True))
        left = y - np.einsum("knl,kl->kn", q, np.einsum("knl,n->kl", q, y))
        return np.asarray(np.sum(left**2, axis=1))

    grid = np.linspace(float(starts.min()) - 2.5, float(starts.max()) + 1.5, _GRID)
    k = int(np.argmin(cost(grid)))
    if k in (0, _GRID - 1):
        raise UnfitError("law: no exponent is best: losses and scales do not bend")
    best, step = float(grid[k]), float(grid[1] - grid[0])
    for _ in range(_FINER):
        near = best + step * np.linspace(-1, 1, 21)
        best, step = float(near[np.argmin(cost(near))]), step / 10
    first = terms(np.array([best]))[0][0]
    width = np.linalg.norm(first, axis=0)
    beta = np.asarray(np.linalg.lstsq(first / width, y)[0] / width)
    rss = float(np.sum((y - first @ beta) ** 2))
    slope = _slopes(terms, beta, best)
    df = y.size - linear - 1
    var = rss / df if df > 0 else 0.0
    width = np.linalg.norm(slope, axis=0)
    inverse = np.linalg.pinv((slope / width).T @ (slope / width)) / np.outer(width, width)
    return beta, best, var * inverse, var**0.5, max(df, 0)


def _t_interval(
    place: Floats, slope: Floats, covariance: Floats, residual: float | Floats, df: int,
    level: float,
) -> tuple[Floats, Floats]:  # fmt: skip
    if not 0 < level < 1:
        raise InputError(f"level: wanted a share between 0 and 1, got {level}")
    sd = np.sqrt(_variance(slope, covariance, residual, df))
    reach = float(special.stdtrit(df, (1 + level) / 2)) * sd
    return np.asarray(place - reach), np.asarray(place + reach)


def _variance(slope: Floats, covariance: Floats, residual: float | Floats, df: int) -> Floats:
    if df < 1:
        raise UnfitError("law: as many numbers were fitted as models were given; no interval")
    return np.asarray(np.sum((slope @ covariance) * slope, axis=-1) + np.square(residual))


def _positive(**given: Floats) -> None:
    size = len(next(iter(given.values())))
    for name, values in given.items():
        if values.ndim != 1 or values.size != size:
            raise InputError(f"law: {name}: wanted {size} values, got {values.size}")
        if not (np.isfinite(values) & (values > 0)).all():
            row = int(np.flatnonzero(~(np.isfinite(values) & (values > 0)))[0])
            raise InputError(f"law: row {row + 1}, {name}: wanted above 0, got {values[row]}")
