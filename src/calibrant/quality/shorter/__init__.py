"""Can fewer items do? Short forms, and tests that adapt, beside baselines that need no thought."""

from calibrant.quality.shorter.calibrate import calibrate
from calibrant.quality.shorter.engine import Engine, engine_of, read_engine, write_engine
from calibrant.quality.shorter.policy import Policy, ScoreClaim, Stop
from calibrant.quality.shorter.session import Decision, Estimate, Session

__all__ = [
    "Decision",
    "Engine",
    "Estimate",
    "Policy",
    "ScoreClaim",
    "Session",
    "Stop",
    "calibrate",
    "engine_of",
    "read_engine",
    "write_engine",
]
