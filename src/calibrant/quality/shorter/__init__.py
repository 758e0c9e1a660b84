"""Can fewer items do? Short forms, and tests that adapt, beside baselines that need no thought."""

from calibrant.quality.shorter.calibrate import calibrate
from calibrant.quality.shorter.engine import Engine, engine_of, read_engine, write_engine
from calibrant.quality.shorter.policy import Policy, ScoreClaim, Stop
from calibrant.quality.shorter.session import Decision, Estimate, Session
from calibrant.quality.shorter.short_form import (
    Predicted,
    ShortForm,
    form_of,
    read_form,
    write_form,
)
from calibrant.quality.shorter.shorten import shorten

__all__ = [
    "Decision",
    "Engine",
    "Estimate",
    "Policy",
    "Predicted",
    "ScoreClaim",
    "Session",
    "ShortForm",
    "Stop",
    "calibrate",
    "engine_of",
    "form_of",
    "read_engine",
    "read_form",
    "shorten",
    "write_engine",
    "write_form",
]
