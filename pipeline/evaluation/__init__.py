"""Metrics, evaluation, report."""
