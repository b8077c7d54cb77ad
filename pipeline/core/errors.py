"""The exceptions a user may see: their message says what, where and what to do."""


class UserError(Exception):
    """Something outside the code is wrong and the work could not begin; the command line prints the message.

    Exit code 2.
    """

    exit_code = 2


class WorkFailed(UserError):
    """The work began and could not be brought to its end. Exit code 1."""

    exit_code = 1


class Stopped(Exception):
    """The process was asked to end and did so in good order; the command line prints the message and exits with 0."""
