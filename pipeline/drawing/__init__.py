"""Drawings as strokes."""
