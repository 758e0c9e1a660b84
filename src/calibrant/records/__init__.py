"""What was observed: trials and comparisons, their identity by content, and how they are kept."""

from calibrant.records.comparisons import COMPARISONS, Comparisons, check_comparisons
from calibrant.records.identity import content_hash
from calibrant.records.read import read_trials
from calibrant.records.read_comparisons import read_comparisons
from calibrant.records.trials import SCHEMA, read_parquet, trials_frame, validate, write_parquet

__all__ = [
    "COMPARISONS",
    "SCHEMA",
    "Comparisons",
    "check_comparisons",
    "content_hash",
    "read_comparisons",
    "read_parquet",
    "read_trials",
    "trials_frame",
    "validate",
    "write_parquet",
]
