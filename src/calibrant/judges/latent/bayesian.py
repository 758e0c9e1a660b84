"""Dawid and Skene's model with priors: Gibbs sampling, and chains that must agree.

Prevalence has a uniform Dirichlet prior; a confusion row has Dirichlet(1, …, `favour`, …, 1) with
`favour` at its own class, by default the number of classes: graders are taken to be better than
chance, weakly. Classes, prevalence and confusion rows are drawn in turn; a further step proposes
to exchange the names of two classes, so that chains do not stay where names were chosen wrongly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibrant.errors import GateError, InputError
from calibrant.judges.latent.data import Floats, Ints, Marks, check_identified
from calibrant.stats.hierarchical.diagnostics import ess_bulk, ess_tail, rank_rhat
from calibrant.stats.hierarchical.gates import Gate

CHAINS = 4
WARMUP = 500
DRAWS = 1000
RHAT = 1.01


@dataclass(frozen=True)
class Draws:
    """Draws from the posterior.

    Attributes:
        prevalence: shape (chains, draws, classes).
        confusion: shape (chains, draws, graders, classes, classes).
        posterior: shape (chains, items, classes), the mean chance of each class.
    """

    prevalence: Floats
    confusion: Floats
    posterior: Floats

    def quantities(self) -> dict[str, Floats]:
        """Everything that is reported, by name, as chains × draws."""
        k = self.prevalence.shape[2]
        found = {f"prevalence {c}": self.prevalence[:, :, c] for c in range(k)}
        accuracy = self.accuracy()
        for j in range(self.confusion.shape[2]):
            found[f"accuracy of grader {j}"] = accuracy[:, :, j]
            for c in range(k):
                for d in range(k if k > 2 else 1):
                    found[f"grader {j} {c} to {d}"] = self.confusion[:, :, j, c, d]
        return found

    def accuracy(self) -> Floats:
        """Shape (chains, draws, graders)."""
        right = np.diagonal(self.confusion, axis1=3, axis2=4)
        return np.asarray(np.einsum("cdjk,cdk->cdj", right, self.prevalence))


class Gibbs:
    """One sweep after another, over many chains at once.

    Args:
        codes: shape (chains, labels): the chains may have data of their own, on the same design.
        favour: the prior's labels on the diagonal, above 0.
        sampled: whether gold items count for prevalence.
    """

    def __init__(
        self,
        m: Marks,
        codes: Ints,
        favour: float,
        rng: np.random.Generator,
        *,
        sampled: bool = True,
    ) -> None:
        if not 0 < favour < np.inf:
            raise InputError(f"favour: wanted a number above 0, got {favour!r}")
        self.m, self.codes, self.rng, self.favour = m, codes, rng, favour
        self.chains, k = codes.shape[0], m.classes
        chain = np.arange(self.chains)[:, None]
        self.row = (chain * m.graders + m.grader) * k * k
        self.first = chain * k
        self.known = m.gold >= 0
        self.counted = np.ones(m.items, bool) if sampled else ~self.known
        self.prior = np.ones((k, k)) + (favour - 1) * np.eye(k)

    def start(self) -> Ints:
        """Classes of items: draws from the votes mixed with noise, other ones in each chain."""
        m, k = self.m, self.m.classes
        cell = (np.arange(self.chains)[:, None] * m.items + m.item) * k + self.codes
        votes = np.bincount(cell.ravel(), minlength=self.chains * m.items * k)
        share = votes.reshape(self.chains, m.items, k) + 0.25
        return self._classes(np.log(share))

    def _classes(self, log: Floats) -> Ints:
        """A class for each item from log weights of shape (chains, items, classes)."""
        noise = -np.log(self.rng.standard_exponential(log.shape))
        z = (log + noise).argmax(axis=2)
        return np.where(self.known, self.m.gold, z)

    def parameters(self, z: Ints) -> tuple[Floats, Floats]:
        """Prevalence and confusion given the classes."""
        m, k = self.m, self.m.classes
        cell = self.row + z[:, m.item] * k + self.codes
        size = self.chains * m.graders * k * k
        counts = np.bincount(cell.ravel(), minlength=size)
        shape = counts.reshape(self.chains, m.graders, k, k) + self.prior
        theta = np.maximum(self.rng.standard_gamma(shape), 1e-300)
        mass = np.bincount((self.first + z)[:, self.counted].ravel(), minlength=self.chains * k)
        pi = np.maximum(self.rng.standard_gamma(mass.reshape(self.chains, k) + 1.0), 1e-300)
        return pi / pi.sum(axis=1, keepdims=True), theta / theta.sum(axis=3, keepdims=True)

    def exchange(self, pi: Floats, theta: Floats) -> None:
        """Propose to exchange two classes, in place; the labels' likelihood stays the same."""
        if self.known.any():
            return
        k, c = self.m.classes, np.arange(self.chains)
        a: Ints = np.asarray(self.rng.integers(0, k, size=c.size))
        b: Ints = np.asarray((a + self.rng.integers(1, k, size=c.size)) % k)
        log = np.log(theta)
        after = log[c, :, a, b] + log[c, :, b, a]
        before = log[c, :, a, a] + log[c, :, b, b]
        ratio = (self.favour - 1) * (after - before).sum(axis=1)
        yes = -self.rng.standard_exponential(self.chains) < ratio
        at, a, b = c[yes], a[yes], b[yes]
        pi[at, a], pi[at, b] = pi[at, b], pi[at, a]
        theta[at, :, a], theta[at, :, b] = theta[at, :, b], theta[at, :, a]

    def chances(self, pi: Floats, theta: Floats) -> Floats:
        """Log weights of the classes, shape (chains, items, classes)."""
        m, k = self.m, self.m.classes
        log = np.log(theta).ravel()
        prior = np.log(pi)
        found = np.empty((self.chains, m.items, k))
        for c in range(k):
            each = log[self.row + c * k + self.codes]
            found[:, :, c] = np.add.reduceat(each, m.starts, axis=1)
            found[:, self.counted, c] += prior[:, c, None]
        return found

    def run(self, warmup: int, draws: int, thin: int = 1) -> Draws:
        """Sweeps, of which every `thin`-th after the warm-up is kept."""
        m, k = self.m, self.m.classes
        kept_pi = np.empty((self.chains, draws, k))
        kept_theta = np.empty((self.chains, draws, m.graders, k, k))
        total = np.zeros((self.chains, m.items, k))
        z = self.start()
        for sweep in range(-warmup, draws * thin):
            pi, theta = self.parameters(z)
            self.exchange(pi, theta)
            log = self.chances(pi, theta)
            z = self._classes(log)
            if sweep >= 0:
                p = np.exp(log - log.max(axis=2, keepdims=True))
                total += p / p.sum(axis=2, keepdims=True)
                if (sweep + 1) % thin == 0:
                    kept_pi[:, sweep // thin], kept_theta[:, sweep // thin] = pi, theta
        posterior = total / (draws * thin)
        posterior[:, self.known] = np.eye(k)[m.gold[self.known]]
        return Draws(kept_pi, kept_theta, posterior)


def sample(
    m: Marks, *, favour: float | None = None, sampled: bool = True, seed: int = 0
) -> tuple[Draws, list[Gate]]:
    """Draws that passed their gates; chains are run eight times longer once before giving up.

    Args:
        favour: as above; None for the number of classes.
        sampled: as `Gibbs`.

    Raises:
        GateError: if chains do not agree (R-hat above 1.01, or fewer than 100 effective draws a
            chain).
        LatentError: for designs that do not determine the classes.
    """
    check_identified(m)
    codes = np.broadcast_to(m.code, (CHAINS, m.size))
    weight = float(m.classes) if favour is None else favour
    checks: list[Gate] = []
    for thin in (1, 8):
        rng = np.random.default_rng(np.random.SeedSequence([seed, thin]))
        gibbs = Gibbs(m, codes, weight, rng, sampled=sampled)
        found = gibbs.run(WARMUP * thin, DRAWS, thin)
        checks = gates(found.quantities())
        if all(g.passed for g in checks):
            return found, checks
    failed = "; ".join(repr(g) for g in checks if not g.passed)
    raise GateError(f"Bayesian Dawid–Skene: not reported, as {failed}",
                    [g.to_dict() for g in checks])  # fmt: skip


def gates(quantities: Mapping[str, Floats]) -> list[Gate]:
    """R-hat and effective numbers of draws, the worst of all quantities."""
    names = list(quantities)
    need = 100.0 * next(iter(quantities.values())).shape[0]
    rhat = [rank_rhat(q) for q in quantities.values()]
    bulk = [ess_bulk(q) for q in quantities.values()]
    tail = [ess_tail(q) for q in quantities.values()]
    return [
        Gate("R-hat", max(rhat), RHAT, "at most", names[int(np.argmax(rhat))]),
        Gate("bulk ESS", min(bulk), need, "at least", names[int(np.argmin(bulk))]),
        Gate("tail ESS", min(tail), need, "at least", names[int(np.argmin(tail))]),
    ]
