"""Entry point of `watchword` and `python -m bot`."""

import os
import sys

from bot.cli.main import main as run_command


def main() -> int:
    """Run the command and return its exit status, whether or not its output can be written."""
    status = run_command()
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except OSError:  # the disk is full or the pipe is closed: Python would exit with status 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


if __name__ == "__main__":
    sys.exit(main())
