"""What was observed: trials and comparisons, their identity by content, how they are read."""

from calibrant.records.comparisons import COMPARISONS, Comparisons, check_comparisons
from calibrant.records.identity import content_hash
from calibrant.records.read import read
from calibrant.records.read_comparisons import read_comparisons
from calibrant.records.readers.reading import Reading
from calibrant.records.trials import SCHEMA, read_parquet, trials_frame, validate, write_parquet

__all__ = [
    "COMPARISONS",
    "SCHEMA",
    "Comparisons",
    "Reading",
    "check_comparisons",
    "content_hash",
    "read",
    "read_comparisons",
    "read_parquet",
    "trials_frame",
    "validate",
    "write_parquet",
]
