"""Photo to line drawing: the project's own net."""
