"""The program where it may do little: as in its container, each restriction alone and all of them together.

They are the kernel's own (namespaces, capabilities, limits), so these tests need root, as a container's engine does.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIVE = """
import json, pathlib, re, subprocess, sys
bot = [sys.executable, "-m", "bot"]
with subprocess.Popen([*bot, "run", "--sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True) as running:
    try:
        address = next(found[0] for line in running.stdout if (found := re.search(r"http://127[.0-9]+:[0-9]+", line)))
        chat = [*bot, "chat", "--url", address]
        said = subprocess.run(chat, input="/subscribe Idlib\\n", capture_output=True, text=True, timeout=200)
        data = pathlib.Path("data")
        modes = {file.name: file.stat().st_mode & 0o777 for file in [data, *data.iterdir()]}
        running.terminate()
        status = running.wait(60)
    finally:
        running.kill()
print(json.dumps({"said": said.stdout, "status": status, "modes": modes}))
"""
pytestmark = pytest.mark.timeout(300)  # two programs start in each place, on a machine that may be busy
READ_ONLY = (
    'mount --make-rprivate / && mount -t tmpfs -o mode=1777 none "$FOLDER" && mount -o remount,bind,ro /'
    " && ! touch /written 2>/dev/null"
)
NO_IPV6 = "ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"
LITTLE_MEMORY = "ulimit -v 1572864"  # addresses, in KiB: far more than the memory in use, which is below 250 MB
BASE, HOME = sys.base_prefix, Path.home()  # in a home that nobody else may enter, it is put into one that all may
OPEN_HOME = (
    f'mkdir -p "$FOLDER/base" && mount --bind {BASE} "$FOLDER/base" && mount -t tmpfs -o mode=755 none {HOME}'
    f' && mkdir -p {BASE} && mount --bind "$FOLDER/base" {BASE}'
    if Path(BASE).is_relative_to(HOME)
    else ":"
)
NO_RIGHTS = "setpriv --bounding-set=-all --inh-caps=-all --no-new-privs"
NOBODY = f"setpriv --reuid 10001 --regid 10001 --clear-groups {NO_RIGHTS.removeprefix('setpriv ')}"
PLACES = {
    "a root that is read-only": (READ_ONLY, ""),
    "a network without IPv6": (NO_IPV6, ""),
    "no right of root's": (":", NO_RIGHTS),
    "a user without a name": (OPEN_HOME, NOBODY),
    "one and a half gigabytes of addresses": (LITTLE_MEMORY, ""),
    "a umask that hides nothing": ("umask 0", ""),
    "all at once": (f"{OPEN_HOME} && {READ_ONLY} && {NO_IPV6} && {LITTLE_MEMORY} && umask 0", NOBODY),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter and write to."""
    made = Path(tempfile.mkdtemp(prefix="watchword-"))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made)


def run(place: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a place, without HOME or any other variable but those it needs."""
    prepare, drop = PLACES[place]
    script = f'{prepare} && cd "$FOLDER" && exec {drop} "$@"'
    command = ["unshare", "--mount", "--net", "sh", "-c", script, "sh", sys.executable, *arguments]
    if "ip link" not in prepare:
        command.remove("--net")
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "FOLDER": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "WATCHWORD_STORAGE__URL": f"sqlite:///{folder}/data/watchword.db",
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)


def require(place: str, folder: Path) -> None:
    """Skip the test where the place cannot be made, or our packages cannot be read in it."""
    if os.geteuid() or not shutil.which("unshare") or not shutil.which("setpriv"):
        pytest.skip("restrictions of the kernel's need root, unshare and setpriv")
    tried = run(place, folder, "-c", "import bot, aiohttp")
    if tried.returncode:
        pytest.skip(f"{place}: cannot be made here: {tried.stderr.strip().splitlines()[-1:]}")


@pytest.mark.parametrize("place", PLACES)
def test_it_starts_answers_and_stops_in(place: str, folder: Path) -> None:
    require(place, folder)
    done = run(place, folder, "-c", LIVE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "Watching Idlib" in found["said"]
    assert found["status"] == 0
    assert "watchword.db" in found["modes"]
    assert {name: mode for name, mode in found["modes"].items() if mode & 0o077} == {}, "others may read these"


def test_without_a_place_for_its_database_it_says_which_key(folder: Path) -> None:
    """As where nobody mounted a volume: the root is read-only, and the database is to lie in it."""
    place = "a root that is read-only"
    require(place, folder)
    start = "import os, sys; os.environ['WATCHWORD_STORAGE__URL'] = 'sqlite:////srv/data/w.db'; "
    start += "os.environ['WATCHWORD_TELEGRAM__TOKEN'] = '1:token'; from bot.__main__ import main; sys.exit(main())"
    done = run(place, folder, "-c", start, "run")
    assert done.returncode == 2
    assert "storage.url" in done.stderr
    assert "Traceback" not in done.stderr
