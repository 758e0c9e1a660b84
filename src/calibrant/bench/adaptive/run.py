"""How good is a subject, from as few items as will do? The verb `adapt`, run through Inspect.

Items are chosen batch by batch. A batch follows from the answers to all batches before it and from
nothing else: not from who answered first, nor from a limit. A run therefore gives the same result
for any number of connections, resumes where it was cut off, and goes on when it may ask more.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from calibrant._text import one_line
from calibrant._version import __version__
from calibrant.bench.adaptive.config import AdaptFile, parse_adapt, read_adapt
from calibrant.bench.adaptive.items import Places, places
from calibrant.bench.adaptive.result import Adapted, Asked
from calibrant.bench.administer import Subject, administer, seed_for
from calibrant.bench.folder import RunFolder, choose_folder
from calibrant.bench.streams import Stream, open_stream
from calibrant.bench.trial import Trial
from calibrant.errors import InputError
from calibrant.records.trials import score_number, trials_frame, write_parquet

Watch = Callable[["Progress"], None]


@dataclass(frozen=True)
class Progress:
    """Where an adaptive test stands, after a batch."""

    asked: int
    at_most: int
    value: float
    standard_error: float
    low: float
    high: float
