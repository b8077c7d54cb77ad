"""The command line: every command is one call. What there is stands in pipeline/commands/."""

import os
import sys

from pipeline.commands import measuring, pictures, stages, weights, workspace
from pipeline.commands.app import app
from pipeline.core.errors import Stopped, UserError

COMMANDS = (stages, measuring, pictures, workspace, weights)  # each has registered its own


def main() -> None:
    """Run a command; what went wrong is one line on stderr, and of what nobody foresaw a log file."""
    from pipeline.core.process import check_data_link, one_line, prepare, report

    sys.argv[1:] = prepare(sys.argv[1:])
    try:
        check_data_link(os.environ.get("DVC_ROOT"))
        app()
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
    except UserError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        name = error.filename if error.filename is not None else "file system"
        sys.exit(f"error: {one_line(str(name))}: {error.strerror or error}")
    except Exception as error:
        sys.exit(f"error: {report(error)}")


if __name__ == "__main__":
    main()
