"""Administers instruments to subjects through Inspect, in a fixed order, stopped and resumed."""
