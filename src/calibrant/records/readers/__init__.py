"""Readers of other tools' logs: one file per source, one entrance (`calibrant.records.read`)."""
