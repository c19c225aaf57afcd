"""Notes: faults that an operator should mend, though the bot runs. `watchword check` prints them, a start logs them."""

import platform
import sqlite3
import stat
import tomllib
from pathlib import Path
from pyexpat import EXPAT_VERSION, version_info

from sqlalchemy.engine import make_url

from bot.config import DEFAULT_FILE, Config, is_from_runtime
from bot.runtime.log import PASSWORD_IN_URL

SAFE_SQLITE = (3, 51, 3)  # older ones can damage a WAL that two connections reset at once (sqlite.org/wal.html)
SAFE_EXPAT = (2, 7, 4)  # CVE-2025-59375, CVE-2026-25210
OTHERS = 0o077  # the bits of a mode that let the group and others in
WRITES = 0o022


def warnings(config: Config, path: Path | None) -> list[str]:
    """Return a sentence for each library with a known fault, and each file that others may read or change.

    `path` is the configuration file that the command line names; None for config.toml.
    """
    found = _libraries(config) + _file_modes(config, path)
    if (config.web.public_url or "").startswith("http:"):
        found.append("web.public_url is no https address: who reads along learns the secrets that hubs are given")
    return found


def versions() -> str:
    """Return the versions of Python and expat."""
    return f"Python {platform.python_version()}, {EXPAT_VERSION.replace('_', ' ')}"


def _libraries(config: Config) -> list[str]:
    found = []
    if config.storage.url.get_secret_value().startswith("sqlite") and sqlite3.sqlite_version_info < SAFE_SQLITE:
        found.append(
            f"SQLite {sqlite3.sqlite_version} has a fault in WAL mode that 3.51.3 mends; "
            "one writer at a time, as here, keeps clear of it"
        )
    if version_info < SAFE_EXPAT:
        found.append(f"{EXPAT_VERSION} is older than 2.7.4; feeds with a DTD that defines entities are refused")
    return found


def _file_modes(config: Config, path: Path | None) -> list[str]:
    found = []
    file = path or DEFAULT_FILE
    if not is_from_runtime(file):
        if _mode(file) & WRITES:
            found.append(f"{file}: others may change it, and with it who is an admin; run chmod 600 on it")
        if _mode(file) & OTHERS and _holds_secret(file):
            found.append(f"{file}: others may read it, and it holds a token or a password; run chmod 600 on it")
    url = make_url(config.storage.url.get_secret_value())
    if url.get_backend_name() == "sqlite" and url.database and _mode(Path(url.database)) & OTHERS:
        found.append(f"{url.database}: others may read it, with what people watch; run chmod 600 on it")
    return found


def _holds_secret(file: Path) -> bool:
    """Return whether a configuration file holds a token, a webhook's secret or a password; it was read already."""
    values = tomllib.loads(file.read_text(encoding="utf-8"))
    telegram = values.get("telegram", {})
    urls = values.get("storage", {}).get("url", ""), values.get("fetch", {}).get("proxy", "")
    return "token" in telegram or "webhook_secret" in telegram or any(PASSWORD_IN_URL.search(url) for url in urls)


def _mode(path: Path) -> int:
    """Return the permission bits of a file; 0 if there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
