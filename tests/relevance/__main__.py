"""Prints every table, or the named ones: labelled, scripts, spellings."""

import os
import sys
from pathlib import Path

from tests.relevance import labelled, scripts, spellings

TABLES = {"labelled": labelled, "scripts": scripts, "spellings": spellings}


def main(names: list[str]) -> None:
    """Print the tables, from what is where WATCHWORD_DATA points."""
    root = os.environ.get("WATCHWORD_DATA")
    if not root:
        sys.exit("WATCHWORD_DATA is not set: the labelled articles are not here")
    for name in names or TABLES:
        TABLES[name].report(Path(root), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
