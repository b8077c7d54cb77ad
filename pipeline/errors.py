"""The one exception a user may see: its message says what, where and what to do."""


class UserError(Exception):
    """Something outside the code is wrong; the command line prints the message and exits with 1."""
