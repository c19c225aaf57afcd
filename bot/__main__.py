"""`watchword` and `python -m bot`."""

import os
import sys

from bot.cli.main import main as run_command


def main() -> int:
    """Run the command and return its exit status, which tells of what it did and not of who reads it."""
    status = run_command()
    for stream in (sys.stdout, sys.stderr):
        if stream is None or stream.closed:
            continue
        try:
            stream.flush()
        except OSError:  # its disk is full or its reader gone: Python would exit with 120 for that
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


if __name__ == "__main__":
    sys.exit(main())
