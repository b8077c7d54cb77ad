"""Metrics with their protocols."""
