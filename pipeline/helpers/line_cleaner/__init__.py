"""Rough drawing to clean lines: the project's own net."""
