"""Prints every table, or the named ones: labelled, scripts, spellings, stories.

`links --sample 120 --seed 1` prints pairs of headlines that became one story, as JSON lines, to be read and judged.
"""

import argparse
import os
import sys
from pathlib import Path

from tests.relevance import labelled, scripts, spellings, stories

TABLES = {"labelled": labelled, "scripts": scripts, "spellings": spellings, "stories": stories}


def main() -> None:
    """Print the tables, from what is where WATCHWORD_DATA points."""
    parser = argparse.ArgumentParser(prog="python -m tests.relevance")
    parser.add_argument("names", nargs="*", choices=[*TABLES, "links", []], help="tables, or links; all tables if none")
    parser.add_argument("--sample", type=int, default=120, help="pairs of links")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    root = os.environ.get("WATCHWORD_DATA")
    if not root:
        sys.exit("WATCHWORD_DATA is not set: the labelled articles are not here")
    for name in options.names or TABLES:
        if name == "links":
            stories.links(Path(root), sys.stdout, options.sample, options.seed)
        else:
            TABLES[name].report(Path(root), sys.stdout)


if __name__ == "__main__":
    main()
