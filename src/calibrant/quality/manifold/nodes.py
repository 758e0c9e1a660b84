"""Where is a subject's ability? Trapezoid nodes that cover each posterior, and finely enough.

On a smooth posterior the trapezoid rule with nodes three quarters of a standard deviation apart is
exact to rounding (Trefethen and Weideman, SIAM Rev. 56 (2014) 385). Grids that are the same for all
subjects are not: with a thousand items a posterior fits between two of their nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Curve = Callable[[Floats], tuple[Floats, Floats, Floats]]
"""From abilities of shape (subjects, q): log posterior, its slope and minus its second derivative,
each of that shape; concave in ability."""

SPACING = 0.75
FALL = 18.0
"""Log posterior that the ends of the nodes lie below the mode: 2e-8."""
MOST = 161


@dataclass(frozen=True)
class Nodes:
    """Equally spaced abilities for each subject.

    Attributes:
        theta: shape (subjects, q).
        log_step: shape (subjects, 1), of the distance between neighbours.
        mode, width: shape (subjects,), the posterior's mode and its standard deviation there.
    """

    theta: Floats
    log_step: Floats
    mode: Floats
    width: Floats


def place_nodes(
    curve: Curve, start: Floats, *, spacing: float = SPACING, last: Nodes | None = None
) -> Nodes:
    """Nodes for posteriors that are log-concave, from a guess of their modes, shape (subjects,).

    The `last` nodes, of parameters nearby, tell how far the ends are.
    """
    mode = find_mode(curve, start)
    _, _, bend = curve(mode[:, None])
    width = 1.0 / np.sqrt(bend[:, 0])
    peak = curve(mode[:, None])[0]
    sides = np.stack([-width, width], axis=1) * 6.0
    if last is not None:
        sides = (last.theta[:, [0, -1]] - last.mode[:, None]) * (width / last.width)[:, None]
    for _ in range(12):
        fall = peak - curve(mode[:, None] + sides)[0]
        # The log posterior is concave, so that stretching an end makes it fall in proportion.
        stretch = np.clip(np.sqrt(FALL / np.maximum(fall, 1.0)), 0.6, 2.0)
        if ((fall >= FALL * 0.9) & (fall < FALL * 4)).all():
            break
        sides = sides * np.where((fall >= FALL * 0.9) & (fall < FALL * 4), 1.0, stretch * 1.02)
    steps = int(np.ceil(((sides[:, 1] - sides[:, 0]) / (spacing * width)).max()))
    size = min(max(steps, 12), MOST) + 1
    share = np.linspace(0.0, 1.0, size)
    low, high = mode + sides[:, 0], mode + sides[:, 1]
    theta = low[:, None] + (high - low)[:, None] * share
    return Nodes(theta, np.log((high - low) / (size - 1))[:, None], mode, width)


def find_mode(curve: Curve, start: Floats) -> Floats:
    """Newton's method for the modes of concave curves, with steps of at most 1."""
    mode = start.copy()
    for _ in range(60):
        _, slope, bend = curve(mode[:, None])
        move = np.clip(slope[:, 0] / bend[:, 0], -1.0, 1.0)
        mode = mode + move
        if float(np.abs(move * np.sqrt(bend[:, 0])).max()) < 0.02:
            break
    return mode
