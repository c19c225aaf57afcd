"""`make bench`: runs every benchmark, or the named ones (`make bench ARGS="matching stories"`).

Each prints ratios to a baseline measured in the same run, because seconds on a shared machine mean little.
Nothing is asserted.
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
