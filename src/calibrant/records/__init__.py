"""What was observed: the trials table, its identity by content, and how it is kept on disk."""

from calibrant.records.identity import content_hash
from calibrant.records.read import read_trials
from calibrant.records.trials import SCHEMA, read_parquet, trials_frame, validate, write_parquet

__all__ = [
    "SCHEMA",
    "content_hash",
    "read_parquet",
    "read_trials",
    "trials_frame",
    "validate",
    "write_parquet",
]
