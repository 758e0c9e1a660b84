"""Alterations after which a working judge's verdict on the answer falls."""
