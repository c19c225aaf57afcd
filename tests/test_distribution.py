"""The wheel: what is in it, and that it runs where nothing of the checkout is."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    return next(folder.glob("*.whl"))


def files_of(archive: Path) -> set[str]:
    """Return the names of the program's files in a wheel."""
    return {name for name in zipfile.ZipFile(archive).namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def watchword(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of the wheel, installed into an environment that has only it and the locked dependencies."""
    home = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(home)
    scheme = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", vars=scheme))
    # A path in a .pth file is searched, but no .pth file in it is read: the checkout, installed there, stays unseen.
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        home / "bin/python",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, "--disable-pip-version-check", wheel], check=True)
    return home / "bin/watchword"


def run(watchword: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "HOME": str(cwd)}
    return subprocess.run(
        [watchword, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_wheel_has_every_file_of_the_program_and_no_other(wheel: Path) -> None:
    kept = subprocess.run(["git", "ls-files", "-z", "bot"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {name for name in kept.stdout.split("\0") if name and (ROOT / name).exists()}
    packed = files_of(wheel)
    assert packed == files
    for needed in ("bot/locales/ar/LC_MESSAGES/watchword.mo", "bot/matching/gazetteer/data/cities.xz"):
        assert needed in packed
    assert any(name.startswith("bot/storage/migrations/versions/0001") for name in packed)


def test_the_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-d", tmp_path, "-t"]
    subprocess.run([*build, "sdist"], cwd=ROOT, check=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    subprocess.run([*build, "wheel"], cwd=unpacked, check=True)
    assert files_of(next(tmp_path.glob("*.whl"))) == files_of(wheel)


def test_the_licence_travels_with_the_wheel(wheel: Path) -> None:
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in zipfile.ZipFile(wheel).namelist()}


def test_it_is_the_wheel_that_runs(watchword: Path, tmp_path: Path) -> None:
    python = watchword.with_name("python")
    where = subprocess.run(
        [python, "-c", "import bot; print(bot.__file__)"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(watchword.parents[1])


def test_it_makes_its_tables_and_says_what_is_missing(watchword: Path, tmp_path: Path) -> None:
    checked = run(watchword, "check", cwd=tmp_path)
    assert "ok: SQLite" in checked.stdout
    assert "telegram.token: is missing" in checked.stdout
    assert (tmp_path / "data/watchword.db").exists()
    assert ".venv" not in checked.stdout + checked.stderr
    refused = run(watchword, "run", cwd=tmp_path)
    assert refused.returncode == 2
    assert ".venv" not in refused.stderr


def test_its_sandbox_runs_and_names_a_command_that_works(watchword: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [watchword, "run", "--try", "--port", "0"],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            greeting = "".join(process.stdout.readline() for _ in range(3))
            named = re.search(r"another terminal: (.+) (chat --url http://127\.0\.0\.1:\d+)", greeting)
            assert named, greeting
            assert named[1] == str(watchword)
            said = subprocess.run(
                [watchword, *named[2].split()],
                input="/subscribe Idlib\n",
                cwd=tmp_path,
                env={"PATH": os.defpath},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert "Watching Idlib" in said.stdout
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=25) == 0
            printed = greeting + said.stdout + said.stderr + process.stdout.read() + process.stderr.read()
        finally:
            process.kill()
    assert ".venv" not in printed
