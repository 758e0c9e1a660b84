"""When may a planned look at a z statistic stop the study? Group-sequential boundaries, exactly.

Jennison and Turnbull, *Group Sequential Methods*, 2000, chapters 2 and 7; the crossing
probabilities are exact (`calibrant.stats.stopping.crossings`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from calibrant.errors import DesignError, InputError
from calibrant.stats.stopping.crossings import FAR, LOOKS, Crossing, Going, crossing, rising

Floats = NDArray[np.float64]
Shape = Literal["pocock", "obrien-fleming"]
Spending = Literal["obrien-fleming", "pocock", "hwang-shih-decani"]


@dataclass(frozen=True)
class GroupSequential:
    """Boundaries for the z statistic at each planned look.

    Attributes:
        fractions: information fractions of the looks, rising to 1.
        upper: reject when z reaches this; may be infinite where nothing is spent.
        lower: the mirror image (two-sided), the futility boundary, or -inf.
        alpha: type I error, of both sides together if two-sided.
        sides: 1 or 2.
        method: how it was found, in words.
        drift: the drift the futility boundary was made for; None without one.
        binding: the type I error holds only if the futility boundary is obeyed.
    """

    fractions: Floats
    upper: Floats
    lower: Floats
    alpha: float
    sides: int
    method: str
    drift: float | None = None
    binding: bool = False

    def __repr__(self) -> str:
        at = ", ".join(f"{b:.3f}" for b in self.upper)
        return (
            f"{self.method} boundaries for {self.upper.size} looks: reject at z ≥ {at} "
            f"({'two' if self.sides == 2 else 'one'}-sided alpha {self.alpha:g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data; a look that cannot stop has None."""

        ends = {
            name: [float(b) if math.isfinite(b) else None for b in bounds]
            for name, bounds in (("upper", self.upper), ("lower", self.lower))
        }
        return {**asdict(self), "fractions": self.fractions.tolist(), **ends}

    def crossing(self, drift: float = 0.0) -> Crossing:
        """Exact crossing probabilities where E[Z] at full information is `drift`."""
        return crossing(self.fractions, self.upper, self.lower, drift)

    def drift_for(self, power: float) -> float:
        """The drift at which the upper boundary is crossed with chance `power`.

        Raises:
            InputError: for a power outside alpha–1.
        """
        if not self.alpha < power < 1:
            raise InputError(f"power: wanted between alpha {self.alpha:g} and 1, got {power!r}")
        return float(brentq(lambda d: self.crossing(d).power - power, 0.0, 20.0, xtol=1e-10))

    def inflation(self, power: float) -> float:
        """Largest sample size as a multiple of the fixed design's with the same power.

        R of Jennison and Turnbull, tables 2.2 and 2.4.
        """
        fixed = -ndtri(self.alpha / self.sides) + ndtri(power)
        return float((self.drift_for(power) / fixed) ** 2)

    def expected_size(self, drift: float, power: float) -> float:
        """Expected sample size at `drift` as a multiple of the fixed design's with `power`."""
        return self.crossing(drift).expected * self.inflation(power)


def shaped_boundaries(
    looks: int | ArrayLike,
    shape: Shape | float,
    *,
    alpha: float = 0.05,
    sides: int = 2,
) -> GroupSequential:
    """Boundaries of a fixed shape: z ≥ c at every look (Pocock) or c/√t (O'Brien–Fleming).

    Pocock, Biometrika 64 (1977) 191; O'Brien and Fleming, Biometrics 35 (1979) 549; a number is
    the Δ of Wang and Tsiatis, Biometrics 43 (1987) 193: c t^(Δ - 1/2), of which these are 1/2
    and 0.

    Args:
        looks: number of equally spaced looks, or their information fractions, the last 1.
        shape: name or Δ in -1–1.
        alpha: type I error of all looks (and both sides) together.
        sides: 1 or 2.

    Raises:
        DesignError: for a level, shape or number of sides that cannot be.
        InputError: for fractions that do not rise to 1.
    """
    t = _looks(looks)
    _check_alpha(alpha, sides)
    known = {"pocock": (0.5, "Pocock"), "obrien-fleming": (0.0, "O'Brien–Fleming")}
    if not (shape in known if isinstance(shape, str) else -1 <= shape <= 1):
        raise DesignError(
            f"shape: wanted 'pocock', 'obrien-fleming' or Δ between -1 and 1, got {shape!r}"
        )
    delta, name = known[shape] if isinstance(shape, str) else (shape, f"Wang–Tsiatis Δ = {shape:g}")
    curve = t ** (delta - 0.5)

    def bounds(c: float) -> tuple[Floats, Floats]:
        upper = c * curve
        return upper, -upper if sides == 2 else np.full(t.size, -np.inf)

    def excess(c: float) -> float:
        found = crossing(t, *bounds(c))
        return float(found.upper.sum() + found.lower.sum()) - alpha

    least = float(-ndtri(alpha / sides))
    most = float(-ndtri(alpha / sides / t.size)) / min(float(curve.min()), 1.0) + 1e-6
    c = float(brentq(excess, min(least, most) * 0.999, most, xtol=1e-11))
    return GroupSequential(t, *bounds(c), alpha, sides, name)


def spending_function(
    kind: Spending, total: float, gamma: float = -4.0
) -> Callable[[float], float]:
    """The cumulative error that may be spent by information fraction t, as a function of t.

    Lan and DeMets, Biometrika 70 (1983) 659: "obrien-fleming" 2 - 2Φ(z(total/2)/√t), "pocock"
    total × log(1 + (e - 1)t); Hwang, Shih and DeCani, Stat. Med. 9 (1990) 1439:
    total × (1 - exp(-gamma t))/(1 - exp(-gamma)).

    Raises:
        DesignError: for an unknown kind, a total outside 0–1 or a gamma that is not finite.
    """
    if not 0 < total < 1:
        raise DesignError(f"error to spend: wanted strictly between 0 and 1, got {total!r}")
    if not math.isfinite(gamma) or abs(gamma) > 50:
        raise DesignError(f"gamma: wanted between -50 and 50, got {gamma!r}")
    z = float(-ndtri(total / 2))

    def hwang(t: float) -> float:
        if abs(gamma) < 1e-9:
            return total * t
        return total * math.expm1(-gamma * t) / math.expm1(-gamma)

    kinds: dict[str, Callable[[float], float]] = {
        "obrien-fleming": lambda t: 2 * float(ndtr(-z / math.sqrt(t))),
        "pocock": lambda t: total * math.log1p((math.e - 1) * t),
        "hwang-shih-decani": hwang,
    }
    if kind not in kinds:
        raise DesignError(f"spending: wanted one of {', '.join(kinds)}, got {kind!r}")
    spent = kinds[kind]
    return lambda t: total if t >= 1 else spent(t)


def spending_boundaries(
    looks: int | ArrayLike,
    spending: Spending = "obrien-fleming",
    *,
    alpha: float = 0.05,
    sides: int = 2,
    gamma: float = -4.0,
) -> GroupSequential:
    """Boundaries that spend the error as a function of information (Lan and DeMets).

    The looks need be neither equally spaced nor fixed in number beforehand, as long as their
    timing does not depend on the data. Arguments, errors as `shaped_boundaries`; each of two
    sides spends alpha/2.
    """
    t = _looks(looks)
    _check_alpha(alpha, sides)
    spend = spending_function(spending, alpha / sides, gamma)
    state, upper, before = Going.start(0.0), np.empty(t.size), 0.0
    times = [float(at) for at in t]
    for k, at in enumerate(times):
        now = spend(at)
        upper[k] = _above(state, at, now - before)
        if k < t.size - 1:
            low = -float(upper[k]) if sides == 2 else -math.inf
            state = state.inside(at, low, float(upper[k]), times[k + 1])
        before = now
    lower = -upper if sides == 2 else np.full(t.size, -np.inf)
    return GroupSequential(t, upper, lower, alpha, sides, _named(spending, gamma))


def futility_boundaries(
    looks: int | ArrayLike,
    spending: Spending = "obrien-fleming",
    *,
    alpha: float = 0.025,
    power: float = 0.9,
    gamma: float = -4.0,
    futility: Spending = "hwang-shih-decani",
    futility_gamma: float = -2.0,
    binding: bool = False,
) -> GroupSequential:
    """One-sided boundaries for success, with lower ones that give up a hopeless study.

    Success spends alpha and futility spends 1 - power, at the drift for which both meet at the
    last look (Jennison and Turnbull, section 7.3). That drift is in the result, so that
    (drift/(z(alpha) + z(1 - power)))² is the inflation of the sample size.

    Args:
        binding: lower the success boundary in return for obeying futility. By default the
            type I error holds even if futility is ignored.

    Raises:
        DesignError: for error rates that cannot be.
        InputError: for fractions that do not rise to 1.
    """
    t = _looks(looks)
    _check_alpha(alpha, 1)
    if not alpha < power < 1:
        raise DesignError(f"power: wanted between alpha {alpha:g} and 1, got {power!r}")
    good = spending_function(spending, alpha, gamma)
    bad = spending_function(futility, 1 - power, futility_gamma)

    def gap(drift: float) -> float:
        upper, lower = _both(t, good, bad, drift, binding, last=False)
        return float(upper[-1] - lower[-1])

    fixed = float(-ndtri(alpha) + ndtri(power))
    drift = float(brentq(gap, 0.5 * fixed, 3 * fixed + 2, xtol=1e-9))
    upper, lower = _both(t, good, bad, drift, binding, last=True)
    name = f"{_named(spending, gamma)}, {'binding' if binding else 'non-binding'} futility"
    return GroupSequential(t, upper, lower, alpha, 1, name, drift, binding)


def _both(
    t: Floats,
    good: Callable[[float], float],
    bad: Callable[[float], float],
    drift: float,
    binding: bool,
    *,
    last: bool,
) -> tuple[Floats, Floats]:
    null, alternative = Going.start(0.0), Going.start(drift)
    upper, lower = np.empty(t.size), np.empty(t.size)
    spent = lost = 0.0
    times = [float(at) for at in t]
    for k, at in enumerate(times):
        now, gone = good(at), bad(at)
        upper[k] = _above(null, at, now - spent)
        lower[k] = _below(alternative, at, gone - lost)
        if k < t.size - 1:
            low = lower[k] = min(lower[k], upper[k])
            free = low if binding else -math.inf
            null = null.inside(at, free, upper[k], times[k + 1])
            alternative = alternative.inside(at, low, upper[k], times[k + 1])
        elif last:
            lower[k] = upper[k]
        spent, lost = now, gone
    return upper, lower


def _above(state: Going, t: float, chance: float) -> float:
    return _solve(chance, lambda z: state.above(t, z), 1, FAR)


def _below(state: Going, t: float, chance: float) -> float:
    return _solve(chance, lambda z: state.below(t, z), -1, FAR + state.drift)


def _solve(chance: float, tail: Callable[[float], float], sign: int, far: float) -> float:
    """The z whose tail has this chance; the tail falls with z for sign 1 and rises for -1."""
    if chance <= 1e-16:
        return sign * math.inf
    if tail(-sign * far) <= chance:
        return -sign * far
    return float(brentq(lambda z: tail(z) - chance, -far, far, xtol=1e-11))


def _named(spending: str, gamma: float) -> str:
    names = {
        "obrien-fleming": "Lan–DeMets O'Brien–Fleming-type spending",
        "pocock": "Lan–DeMets Pocock-type spending",
        "hwang-shih-decani": f"Hwang–Shih–DeCani spending (gamma {gamma:g})",
    }
    return names[spending]


def _check_alpha(alpha: float, sides: int) -> None:
    if not 1e-10 <= alpha < 0.5:
        raise DesignError(f"alpha: wanted an error rate from 1e-10 to below 0.5, got {alpha!r}")
    if sides not in (1, 2):
        raise DesignError(f"sides: wanted 1 or 2, got {sides!r}")


def _looks(looks: int | ArrayLike) -> Floats:
    if isinstance(looks, int):
        if not 1 <= looks <= LOOKS:
            raise InputError(f"looks: wanted 1–{LOOKS}, got {looks}")
        return np.arange(1, looks + 1) / looks
    t = rising(looks)
    if abs(t[-1] - 1) > 1e-12:
        raise InputError(f"fractions: wanted the last to be 1, got {t[-1]:g}")
    return t
