"""The exceptions a user may see: their message says what, where and what to do."""


class UserError(Exception):
    """Something outside the code is wrong; the command line prints the message and exits with 1."""


class Stopped(Exception):
    """The process was asked to end and did so in good order; the command line prints the message and exits with 0."""
