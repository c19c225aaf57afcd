"""Write what an environment holds and under which licences: `python container/licences.py LICENCES.txt`.

Every licence asks for its text to travel with the program. The packages bring theirs; this puts them into one file.
"""

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

NAMES = ("LICEN", "COPYING", "NOTICE")
RULE = "=" * 80


def described(one: Distribution) -> str:
    """Return a package's name, version and licence, and the texts it brings; SystemExit if it brings none."""
    brought = [file for file in one.files or [] if any(part.endswith(".dist-info") for part in file.parts)]
    texts = [file for file in brought if any(name in file.name.upper() for name in NAMES)]
    if not texts:
        raise SystemExit(f"{one.name}: brings no text of its licence")
    said = one.metadata.json
    terms = str(said.get("license_expression") or said.get("license") or "its licence:").splitlines()[0]
    head = f"{RULE}\n{one.name} {one.version}, {terms}"
    return "\n\n".join([head, *(Path(str(file.locate())).read_text("utf-8", "replace").strip() for file in texts)])


def main(target: Path) -> None:
    """Write the file."""
    installed = sorted(distributions(), key=lambda one: one.name.lower())
    target.write_text("\n\n".join(map(described, installed)) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
