"""`make bench`: runs every benchmark, or those named (`make bench ARGS="matching stories"`).

Each prints ratios against a baseline measured in the same run: machines are shared, and seconds alone say little.
Nothing here is a test; nothing is asserted.
"""

import importlib
import pkgutil
import sys

import tests.benchmarks

NAMES = sorted(module.name for module in pkgutil.iter_modules(tests.benchmarks.__path__) if module.name != "__main__")


def main(wanted: list[str]) -> int:
    """Run the benchmarks; 2 if one is not known."""
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}\n")
        return 2
    for name in wanted or NAMES:
        sys.stdout.write(f"\n== {name}\n")
        importlib.import_module(f"tests.benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
