"""How close are the designs to what no test can beat? Exact figures, nothing simulated.

For each pair of rates: Wald's lower bound on the expected trials of any test with these error
rates, the tuned sequential test (to the decision on support, and with a refutation pursued once
support is lost), the fixed design, and the anytime design next to the power-one bound
log(1/alpha)/KL. Prints a table, then says whether every promise holds; exit code 1 if not.
"""

from __future__ import annotations

import math
import sys
import time

from calibrant.stats import anytime, fixed_size, sprt

ALPHA, BETA = 0.05, 0.10
REGIMES = [(0.02, 0.005), (0.02, 0.01), (0.01, 0.002), (0.05, 0.02), (0.10, 0.05)]


def kl(p: float, q: float) -> float:
    """Kullback–Leibler divergence of one trial at rate p from one at rate q, in nats."""
    first = p * math.log(p / q) if p else 0.0
    return first + (1 - p) * math.log((1 - p) / (1 - q))


def wald_bound(threshold: float, really: float) -> float:
    """Wald's lower bound on the expected trials at `really` (Sequential Analysis, 1947, A.7)."""
    gain = (1 - BETA) * math.log((1 - BETA) / ALPHA) + BETA * math.log(BETA / (1 - ALPHA))
    return gain / kl(really, threshold)


def main() -> int:
    held = True
    print("tuned sequential test, alpha 0.05, beta 0.10 (exact)")
    print(" p0    p1    bound   trials  ratio  +refutation  ratio  false support   power   fixed")
    started = time.process_time()
    for threshold, really in REGIMES:
        bound = wald_bound(threshold, really)
        decision, whole = sprt(threshold, really, pursue=False), sprt(threshold, really)
        trials, both = decision.expected_trials(really), whole.expected_trials(really)
        power = whole.power or 0.0
        held &= trials <= 1.01 * bound and whole.false_support <= ALPHA and power >= 1 - BETA
        print(
            f"{threshold:5.2f} {really:6.3f} {bound:7.1f} {trials:8.1f} {trials / bound:6.4f}"
            f" {both:12.1f} {both / bound:6.4f} {whole.false_support:14.5f} {power:7.5f}"
            f" {fixed_size(threshold, really):7d}"
        )
    print("\nanytime design, alpha 0.05, looked at after every trial (exact)")
    print(" p0    p1   at p1   ratio   at 0   ratio  false support")
    for threshold, really in REGIMES:
        design = anytime(threshold, at_most=math.ceil(80 / threshold))
        at_really, at_zero = design.expected_trials(really), design.expected_trials(0.0)
        to_really = at_really * kl(really, threshold) / math.log(1 / ALPHA)
        to_zero = at_zero * kl(0.0, threshold) / math.log(1 / ALPHA)
        held &= to_really <= 1.20 and to_zero <= 1.30 and design.false_support <= ALPHA
        print(
            f"{threshold:5.2f} {really:6.3f} {at_really:7.1f} {to_really:6.3f} {at_zero:7.1f}"
            f" {to_zero:6.3f} {design.false_support:14.5f}"
        )
    print(f"\nall of it in {time.process_time() - started:.1f} s of CPU")
    print("promises held" if held else "A PROMISE IS BROKEN")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
