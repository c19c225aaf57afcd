"""Pin the images of the container's files by digest: `make digests`.

A tag moves, a digest does not. Each `name:tag` of a Dockerfile's FROM and of a compose file's image gets the digest of
its index, which stands for every architecture. All are resolved before anything is written.
"""

import re
import subprocess
import sys
from pathlib import Path

TAGGED = re.compile(r"(?P<before>^FROM |^\s+image: )(?P<image>[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE)
DIGEST = re.compile(r"^Digest:\s+(sha256:[0-9a-f]{64})$", re.MULTILINE)
COMMAND = ("docker", "buildx", "imagetools", "inspect")
TIMEOUT = 120  # seconds


class DigestError(Exception):
    """The digest of an image could not be looked up."""


def resolve(image: str) -> str:
    """Return the digest of an image, as its registry tells it now."""
    try:
        asked = subprocess.run([*COMMAND, image], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DigestError(f"{image}: {error}") from error
    found = DIGEST.search(asked.stdout)
    if asked.returncode or not found:
        lines = (asked.stderr or asked.stdout).strip().splitlines() or ["no answer"]
        raise DigestError(f"{image}: {lines[0]}")
    return found[1]


def pinned(text: str, digests: dict[str, str]) -> str:
    """Return a file's text with the digest behind every image."""
    return TAGGED.sub(lambda found: f"{found['before']}{found['image']}@{digests[found['image']]}", text)


def main(files: list[Path]) -> int:
    """Pin the images of the files; return 0, or 1 if they stay as they are."""
    texts = {file: file.read_text("utf-8") for file in files}
    images = sorted({found["image"] for text in texts.values() for found in TAGGED.finditer(text)})
    try:
        digests = {image: resolve(image) for image in images}
    except DigestError as error:
        print(f"No image was pinned, the files are unchanged. {error}", file=sys.stderr)
        return 1
    for file, text in texts.items():
        file.write_text(pinned(text, digests), "utf-8")
    for image, digest in digests.items():
        print(f"{image}@{digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
