"""Several tests of one subject: what holds for all at once?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure.conclude import FEW
from calibrant.stats.comparisons.multiplicity import adjust


def several(tests: Sequence[ExposureTest]) -> tuple[ExposureTest, ...]:
    """The same tests with p-values adjusted for there being several (Holm), and their verdicts.

    The chance that any of them says "seen" without exposure is at most alpha, however they depend
    on each other: signals of one subject on the same items do. Tests that are undetermined are
    not counted. The unadjusted p stands in `detail` as "alone".

    Args:
        tests: of one level.
    """
    some = [i for i, t in enumerate(tests) if t.p is not None]
    if len(some) < 2:
        return tuple(tests)
    adjusted = adjust([float(tests[i].p or 0.0) for i in some], "holm")
    out = list(tests)
    for i, p in zip(some, adjusted, strict=True):
        test = tests[i]
        said = (
            f"p is adjusted for {len(some)} tests (Holm); alone it is {test.p:.3g}, and the "
            "limit of detection is that of one test alone"
        )
        detail = test.detail | {"alone": test.p, "tests": len(some)}
        verdict, notes = test.verdict, test.notes
        if p > test.alpha and verdict in ("seen", "differs"):
            verdict, notes = "not found", (FEW,)
        out[i] = replace(test, p=float(p), verdict=verdict, notes=(*notes, said), detail=detail)
    return tuple(out)
