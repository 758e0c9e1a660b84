"""What was observed: the trials table, its identity by content, its readers, how it is kept."""

from calibrant.records.identity import content_hash
from calibrant.records.read import read
from calibrant.records.readers.reading import Reading
from calibrant.records.trials import SCHEMA, read_parquet, trials_frame, validate, write_parquet

__all__ = [
    "SCHEMA",
    "Reading",
    "content_hash",
    "read",
    "read_parquet",
    "trials_frame",
    "validate",
    "write_parquet",
]
