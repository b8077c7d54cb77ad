"""Faces on a sheet and five points of each: the project's own net."""
