"""The small nets that ship with the project."""
