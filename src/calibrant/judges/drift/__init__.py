"""Is it still the same judge? Two versions on the same answers, and anchors over time."""

from calibrant.judges.drift.anchors import Look, Watch, watch
from calibrant.judges.drift.result import Drift, Headline, Shift
from calibrant.judges.drift.shift import drift

__all__ = ["Drift", "Headline", "Look", "Shift", "Watch", "drift", "watch"]
