"""Holistic edges: the project's own net."""
