"""Configuration: a TOML file and the environment (`WATCHWORD_SECTION__KEY`) become one frozen `Config`.

All problems are reported together, each with its key and never its value. Only `bot.app`, `bot.cli` and `bot.sandbox`
import `Config`; other code gets the values it needs as arguments. Nothing heavy is imported here, so that a mistake is
reported at once.
"""

import ipaddress
import os
import re
import stat
import tomllib
import zoneinfo
from collections.abc import Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import ConfigError
from bot.models import Schedule

DEFAULT_FILE = Path("config.toml")
PREFIX = "WATCHWORD_"
TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{3,}")  # as BotFather gives it out
SECRET = re.compile(r"[A-Za-z0-9_-]{32,256}")  # of a webhook: Telegram's alphabet, and long enough
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
PLAIN_URL = re.compile(
    r"(?i:https?)://[\w.\[\]:-]+(/[\w.~!$&'()*+,;=:@/-]*)?", re.ASCII
)  # no character that a route or a hub could misread
NOT_PEOPLE = {777000, 1087968824, 136817688}  # Telegram itself, anonymous group admins, channels


def _duration(value: object) -> timedelta:
    """Parse a number of seconds, or a text such as "15m" or "6h"."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", str(value))
    if match is None or isinstance(value, bool):
        raise ValueError('should be a number of seconds, or a text such as "15m" or "6h"')
    try:
        return timedelta(seconds=float(match[1]) * UNITS[match[2] or "s"])
    except OverflowError:
        raise ValueError("is too long") from None


def _positive(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("should be one second at least")
    return value


def _zone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise ValueError('should be a zone such as "UTC" or "Europe/Berlin"')
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError('should be a network such as "10.0.0.0/8" or "127.0.0.1/32"') from None


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise ValueError("should begin with http:// or https:// and a host")
    return value


def _public_url(value: str) -> str:
    parts = urlsplit(_http_url(value))
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("should have no user name, no query and no fragment")
    if not PLAIN_URL.fullmatch(value):
        raise ValueError("should have plain letters, digits and signs only, without spaces and braces")
    return value.rstrip("/")


def _storage_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///") and ":memory:" not in url:
        return value
    try:
        if url.startswith("postgresql://") and (urlsplit(url).port or True):
            return value
    except ValueError:  # a port that is no number
        pass
    raise ValueError('should be "sqlite:///" and a file, or "postgresql://user:password@host/database"')


def _secret_http_url(value: SecretStr) -> SecretStr:
    _http_url(value.get_secret_value())
    return value


def _person(value: int) -> int:
    if value <= 0 or value in NOT_PEOPLE:
        raise ValueError("should be the number of a person (Telegram's @userinfobot tells it)")
    return value


def _token(value: SecretStr) -> SecretStr:
    if not TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError('should look like "123456:ABC-def…", as @BotFather gave it to you')
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not SECRET.fullmatch(value.get_secret_value()):
        raise ValueError('should be 32 to 256 letters, digits, "_" or "-"')
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError('should be an address and a port, such as "127.0.0.1:8081"')
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Zone = Annotated[str, AfterValidator(_zone)]
Network = Annotated[str, AfterValidator(_network)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Address = Annotated[str, AfterValidator(_address)]
Person = Annotated[int, AfterValidator(_person)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Telegram(Section):
    """Connection to Telegram. `api_base_url` is the address up to the token."""

    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    token_file: Path | None = None
    api_base_url: HttpUrl = "https://api.telegram.org/bot"
    file_base_url: HttpUrl | None = None
    mode: Literal["polling", "webhook"] = "polling"
    webhook_url: HttpUrl | None = None
    webhook_listen: Address = "127.0.0.1:8081"
    webhook_secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    send_rate: Annotated[float, Field(gt=0, le=1000)] = 25
    paid_broadcast: bool = False


class Admin(Section):
    """Admins: the people who may manage sources and users."""

    ids: tuple[Person, ...] = ()


class AccessRules(Section):
    """Permission to use the bot: for everybody, invited people or listed ids. Admins always have it."""

    mode: Literal["open", "invite", "list"] = "open"
    ids: tuple[int, ...] = ()


class Storage(Section):
    """Database, retention and backups."""

    url: Annotated[SecretStr, AfterValidator(_storage_url)] = SecretStr("sqlite:///data/watchword.db")
    retention: Duration = timedelta(days=90)
    backup_dir: Path | None = None
    backup_every: Duration = timedelta(days=1)
    backup_keep: Annotated[int, Field(ge=1)] = 7


class Fetch(Section):
    """HTTP client for sources. `allow_networks` are private networks it may connect to, on any port."""

    allow_networks: tuple[Network, ...] = ()
    allow_ports: tuple[Port, ...] = (80, 443, 8080, 8443)
    timeout: Duration = timedelta(seconds=20)
    max_bytes: Annotated[int, Field(ge=1024)] = 5 * 1024 * 1024
    user_agent: Annotated[str, Field(min_length=1, pattern=r"^[\x20-\x7e]+$")] = "Watchword/0.1 (news alerts)"
    proxy: Annotated[SecretStr, AfterValidator(_secret_http_url)] | None = None


class Polling(Section):
    """Poll intervals. `interval` applies until a source's rhythm is known."""

    interval: Duration = timedelta(minutes=15)
    min_interval: Duration = timedelta(minutes=5)
    max_interval: Duration = timedelta(hours=6)
    first_poll: Literal["baseline", "all"] = "baseline"


class Matching(Section):
    """Matching of names. `aliases` is a file with an alias per line."""

    aliases: Path | None = None


class Digest(Section):
    """Defaults for the digests of a new chat."""

    default_schedule: Schedule = Schedule.DAILY
    default_time: time = time(8)
    default_zone: Zone = "UTC"


class ChatLimits(Section):
    """Limits for each chat."""

    subscriptions: Annotated[int, Field(ge=1, le=10_000)] = 50
    alerts_per_hour: Annotated[int, Field(ge=1)] = 60
    commands_per_minute: Annotated[int, Field(ge=1)] = 20


class Web(Section):
    """Server of health and metrics; empty `listen` disables it. It must not be reachable by the public.

    `public_url` is the public address of what `telegram.webhook_listen` serves; WebSub hubs send there.
    """

    listen: Address | Literal[""] = ""
    public_url: Annotated[str, AfterValidator(_public_url)] | None = None


class Log(Section):
    """Level and format of the log."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["console", "json"] = "console"


class ConfiguredSource(Section):
    """A source added at the first start."""

    url: Annotated[HttpUrl, Field(max_length=2048)]
    title: str = ""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    full_text: bool = False


class Config(BaseSettings):
    """The whole configuration; config.example.toml explains each key."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    telegram: Telegram = Telegram()
    admin: Admin = Admin()
    access: AccessRules = AccessRules()
    storage: Storage = Storage()
    fetch: Fetch = Fetch()
    polling: Polling = Polling()
    matching: Matching = Matching()
    digest: Digest = Digest()
    limits: ChatLimits = ChatLimits()
    web: Web = Web()
    log: Log = Log()
    sources: tuple[ConfiguredSource, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use the environment, then the file (which `load` passes as arguments), and no other source."""
        return env_settings, init_settings


def load(path: Path | None = None) -> Config:
    """Read the configuration from `path` (or config.toml here, if there is one) and the environment.

    ConfigError names every problem.
    """
    values = _read(path)
    problems = _unknown_sections(os.environ)
    try:
        config = Config(**values)
    except ValidationError as error:
        raise ConfigError(problems + [_sentence(details) for details in error.errors(include_input=False)]) from None
    except ValueError as error:  # pydantic-settings: a list in the environment that is not JSON
        raise ConfigError([*problems, _not_json(error)]) from None
    problems += _contradictions(config)
    if problems:
        raise ConfigError(problems)
    return _with_token_of_file(config)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None and not DEFAULT_FILE.exists():
        return {}
    path = path or DEFAULT_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at .*\)$", str(error))
        raise ConfigError([f"{path.name}: is not valid TOML {where[0] if where else ''}".rstrip()]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path.name}: is not UTF-8 text"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None


def _unknown_sections(environment: Mapping[str, str]) -> list[str]:
    """Return a problem for each variable with our prefix that names no section: pydantic-settings ignores those."""
    names = {name.removeprefix(PREFIX).partition("__")[0]: name for name in environment if name.startswith(PREFIX)}
    unknown = {name for section, name in names.items() if "__" in name and section.lower() not in Config.model_fields}
    return [f"{name}: no such section" for name in sorted(unknown)]


def _sentence(details: Any) -> str:
    key = ".".join(str(part) for part in details["loc"])
    if details["type"] == "extra_forbidden":
        return f"{key}: no such key"
    return f"{key}: {details['msg'].removeprefix('Value error, ')}"


def _not_json(error: ValueError) -> str:
    field = re.search(r'field "(\w+)"', str(error))
    return f"{PREFIX}{field[1].upper() if field else '…'}: lists and tables in the environment are written as JSON"


def _contradictions(config: Config) -> list[str]:
    problems = []
    if config.telegram.token and config.telegram.token_file:
        problems.append("telegram.token_file: give the token or the file that holds it, not both")
    if config.telegram.mode == "webhook":
        missing = [key for key in ("webhook_url", "webhook_secret") if getattr(config.telegram, key) is None]
        problems += [f'telegram.{key}: is needed for telegram.mode = "webhook"' for key in missing]
    is_public = config.web.public_url is not None or config.telegram.mode == "webhook"
    if is_public and config.web.listen == config.telegram.webhook_listen:
        problems.append("web.listen: should not be telegram.webhook_listen: that is for the public, this is not")
    if config.polling.min_interval > config.polling.max_interval:
        problems.append("polling.min_interval: should not be longer than polling.max_interval")
    if config.access.mode != "open" and not (config.access.ids or config.admin.ids):
        problems.append("access.ids: nobody could use the bot; list somebody, here or in admin.ids")
    return problems


def is_from_runtime(path: Path) -> bool:
    """Return whether a container's runtime or systemd made a file and set its mode; an ACL of systemd's looks open."""
    folders = ["/run/secrets", os.environ.get("CREDENTIALS_DIRECTORY", "/run/secrets")]
    return any(path.is_relative_to(folder) for folder in folders)


def _with_token_of_file(config: Config) -> Config:
    path = config.telegram.token_file
    if path is None:
        return config
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(["telegram.token_file: cannot be read"]) from None
    if mode & 0o077 and not is_from_runtime(path):
        raise ConfigError(["telegram.token_file: others may read it; run chmod 600 on it"])
    if not TOKEN.fullmatch(text):
        raise ConfigError(["telegram.token_file: does not hold a token as @BotFather gives it out"])
    telegram = config.telegram.model_copy(update={"token": SecretStr(text)})
    return config.model_copy(update={"telegram": telegram})
