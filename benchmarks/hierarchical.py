"""How fast is the hierarchical model? CPU seconds, and effective draws per CPU second, ours beside
the same model as one writes it in NumPyro: non-centred, every effect sampled.

Run `python benchmarks/hierarchical.py [ITEMS [DRAWS OF THE PEER]]`; one line a case, ratios last.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from calibrant.measurement.hierarchical import hierarchical
from calibrant.records import trials_frame
from calibrant.stats.hierarchical.diagnostics import ess_bulk
from calibrant.stats.hierarchical.fit import fit
from calibrant.stats.hierarchical.model import design

SUBJECTS = 5


def trials(rng, items, epochs):
    """Codes and scores of subjects that differ by half a logit, on items of scale 1.2."""
    s, i, _ = (x.ravel() for x in np.indices((SUBJECTS, items, epochs)))
    own = rng.normal(0, 0.6, (SUBJECTS, items))[s, i]
    eta = 0.5 * (s - 2) + rng.normal(0, 1.2, items)[i] + own
    return s, i, (rng.random(s.size) < 1 / (1 + np.exp(-eta))).astype(float)


def seconds(work):
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def ours(s, i, y):
    model = design(s, np.zeros_like(s), i, y)
    first, _ = seconds(lambda: fit(model))
    again, posterior = seconds(lambda: fit(model, seed=1))
    draws = [posterior.mean + posterior.effects["subject"][..., k] for k in range(SUBJECTS)]
    draws += [posterior.scales[..., k] for k in range(posterior.scales.shape[-1])]
    return first, again, min(map(ess_bulk, draws)), int(posterior.diverging.sum())


def peer(s, i, y, draws):
    """One chain, as its effective draws are per CPU second; compiling is not counted."""
    import jax
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    model = design(s, np.zeros_like(s), i, y)
    terms = [(t.name.replace(":", "_"), t) for t in model.terms]

    def glmm():
        eta = numpyro.sample("mean", dist.Normal(0, 2))
        for name, term in terms:
            scale = numpyro.sample(f"scale_{name}", dist.HalfNormal(model.priors.scale(term.name)))
            with numpyro.plate(f"levels_{name}", term.levels):
                eta = eta + (scale * numpyro.sample(name, dist.Normal(0, 1)))[term.codes]
        numpyro.sample("y", dist.Binomial(model.n.astype(int), logits=eta), obs=model.total)

    with jax.enable_x64(True):
        chain = MCMC(NUTS(glmm), num_warmup=draws, num_samples=draws, progress_bar=False)
        jax.block_until_ready(chain.warmup(jax.random.key(0)))
        spent, _ = seconds(lambda: jax.block_until_ready(chain.run(jax.random.key(1))))
        found = {k: np.asarray(v) for k, v in chain.get_samples().items()}
        bad = int(np.asarray(chain.get_extra_fields()["diverging"]).sum())
    rates = [found["mean"] + found["scale_subject"] * found["subject"][:, k] for k in range(5)]
    values = rates + [v for k, v in found.items() if k.startswith("scale_")]
    return spent, min(ess_bulk(v[None]) for v in values), bad


def main():
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    draws = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    for epochs in (1, 4):
        s, i, y = trials(np.random.default_rng(1), items, epochs)
        first, again, ess, bad = ours(s, i, y)
        print(f"{SUBJECTS} x {items} x {epochs}: ours, 4 chains: {first:.1f} CPU s, of which "
              f"{first - again:.1f} to compile; {ess:.0f} effective draws, {ess / again:.0f} per "
              f"CPU s; {bad} divergent", flush=True)  # fmt: skip
        table = trials_frame([
            {"subject": f"s{a}", "instrument": "t", "item": f"q{b}", "epoch": k, "grader": "g",
             "run": "r", "score": c, "error": None}
            for k, (a, b, c) in enumerate(zip(s, i, y, strict=True))
        ])  # fmt: skip
        verb, _ = seconds(lambda t=table: hierarchical(t))
        print(f"  the verb with its gates, compiled: {verb:.1f} CPU s", flush=True)
        spent, theirs, bad = peer(s, i, y, draws)
        print(f"  peer, non-centred NumPyro, 1 chain of {draws}: {spent:.1f} CPU s, {theirs:.0f} "
              f"effective draws, {theirs / spent:.2f} per CPU s; {bad} divergent; ratio "
              f"{ess / again / (theirs / spent):.0f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
