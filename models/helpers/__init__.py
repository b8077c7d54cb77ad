"""The small nets that ship, and published nets of the same tasks."""
