"""Alterations after which a fair judge's verdict stays as it was."""
