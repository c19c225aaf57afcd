"""The digests of images. A program called docker answers here for the registry, in the words of the real one."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools/digests.py"
INDEX, PLATFORM = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
ANSWERS = f"""#!/bin/sh
[ "$1 $2 $3" = "buildx imagetools inspect" ] || exit 2
printf 'Name:      docker.io/library/%s\\nMediaType: application/vnd.oci.image.index.v1+json\\n' "$4"
printf 'Digest:    {INDEX}\\n\\nManifests:\\n  Name: %s@{PLATFORM}\\n  Digest: {PLATFORM}\\n' "$4"
"""
UNREACHABLE = "#!/bin/sh\necho 'ERROR: failed to do request: dial tcp: lookup registry: no such host' >&2\nexit 1\n"
HALF = '#!/bin/sh\n[ "$4" = python:3.11-slim ] || exit 1\n' + ANSWERS.partition("\n")[2]
FILES = {
    "Dockerfile": "FROM node:24 AS sqlite\nFROM python:3.11-slim\nCOPY --from=sqlite /a:b /a\n",
    "compose.yaml": "services:\n  w:\n    image: watchword\n  p:\n    image: postgres:17\n",
}


def pin(folder: Path, docker: str | None) -> subprocess.CompletedProcess[str]:
    """Run the tool on the files; `docker` is the program of that name, None if there is none."""
    (folder / "bin").mkdir(exist_ok=True)
    if docker is not None:
        (folder / "bin/docker").write_text(docker)
        (folder / "bin/docker").chmod(0o755)
    for name, text in FILES.items():
        if not (folder / name).exists():
            (folder / name).write_text(text)
    return subprocess.run(
        [sys.executable, TOOL, *FILES],
        cwd=folder,
        env={"PATH": str(folder / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_image_gets_the_digest_that_stands_for_all_architectures(tmp_path: Path) -> None:
    assert pin(tmp_path, ANSWERS).returncode == 0
    assert (tmp_path / "Dockerfile").read_text() == (
        f"FROM node:24@{INDEX} AS sqlite\nFROM python:3.11-slim@{INDEX}\nCOPY --from=sqlite /a:b /a\n"
    )
    assert (tmp_path / "compose.yaml").read_text() == FILES["compose.yaml"].replace("17", f"17@{INDEX}")


def test_a_digest_is_replaced_by_the_newer_one(tmp_path: Path) -> None:
    pin(tmp_path, ANSWERS)
    assert pin(tmp_path, ANSWERS.replace(INDEX, "sha256:" + "ef" * 32)).returncode == 0
    assert (tmp_path / "Dockerfile").read_text().startswith("FROM node:24@sha256:" + "ef" * 32 + " AS sqlite\n")


@pytest.mark.parametrize("docker", [None, UNREACHABLE, HALF, "#!/bin/sh\necho 'Digest: none'\n"])
def test_where_no_registry_answers_nothing_is_made_up(tmp_path: Path, docker: str | None) -> None:
    done = pin(tmp_path, docker)
    assert done.returncode == 1
    assert done.stderr.startswith("No image was pinned, the files are unchanged. ")
    assert len(done.stderr.splitlines()) == 1
    assert {name: (tmp_path / name).read_text() for name in FILES} == FILES
