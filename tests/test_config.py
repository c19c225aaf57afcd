import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bot.config import Config, Duration, load
from bot.errors import ConfigError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.problems


def test_without_a_file_everything_has_a_default() -> None:
    config = load()
    assert config.telegram.token is None
    assert config.digest.default_schedule == "daily"


def test_all_problems_are_named_at_once_and_no_value_is_shown(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [telegram]
        token = "hunter2"
        colour = "red"
        [storage]
        url = "mysql://me:hunter2@db/x"
        [polling]
        interval = "soon"
        [admin]
        ids = [777000, -4]
        [wep]
        listen = "x"
        """,
    )

    found = problems(path)

    keys = [line.split(":")[0] for line in found]
    assert keys == [
        "telegram.token",
        "telegram.colour",
        "admin.ids.0",
        "admin.ids.1",
        "storage.url",
        "polling.interval",
        "wep",
    ]
    assert "hunter2" not in "\n".join(found)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, '[telegram]\ntoken = "1:fromfile"\nsend_rate = 3\n')
    monkeypatch.setenv("WATCHWORD_TELEGRAM__TOKEN", "2:fromenv")
    monkeypatch.setenv("WATCHWORD_ADMIN__IDS", "[7, 8]")

    config = load(path)

    assert config.telegram.token is not None
    assert config.telegram.token.get_secret_value() == "2:fromenv"
    assert config.telegram.send_rate == 3
    assert config.admin.ids == (7, 8)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("WATCHWORD_TELEGRM__TOKEN", "1:token", "WATCHWORD_TELEGRM__TOKEN: no such section"),
        ("WATCHWORD_TELEGRAM__TOKN", "1:token", "telegram.tokn: no such key"),
        ("WATCHWORD_ADMIN__IDS", "7, 8", "WATCHWORD_ADMIN: lists and tables in the environment are written as JSON"),
        ("WATCHWORD_SOURCES", "[{]", "WATCHWORD_SOURCES: lists and tables in the environment are written as JSON"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(name, value)
    assert problems() == [problem]


@pytest.mark.parametrize("text", ["x = [", "x = 1\nx = 2"])
def test_a_file_that_is_not_toml_is_named_with_the_place(tmp_path: Path, text: str) -> None:
    assert problems(write(tmp_path, text))[0].startswith("config.toml: is not valid TOML (at ")


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    assert "No such file" in problems(tmp_path / "none.toml")[0]
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe")
    assert problems(path) == ["bytes.toml: is not UTF-8 text"]


def test_settings_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, '[polling]\nmin_interval = "2h"\nmax_interval = "1h"\n[access]\nmode = "list"\n')
    assert [line.split(":")[0] for line in problems(path)] == ["polling.min_interval", "access.ids"]


def test_what_is_private_is_not_served_where_the_public_comes(tmp_path: Path) -> None:
    text = '[web]\nlisten = "127.0.0.1:8081"\n'
    assert load(write(tmp_path, text)).web.listen == "127.0.0.1:8081"
    (problem,) = problems(write(tmp_path, text + 'public_url = "https://bot.example"\n'))
    assert problem.startswith("web.listen: ")


@pytest.mark.parametrize(
    "url",
    [
        "bot.example",
        "ftp://bot.example/",
        "https://u:p@bot.example",
        "https://b.example/?a",
        "https://b.example/a b",
        "https://b.example/{a}",
        "https://b{a}.example",
    ],
)
def test_an_address_that_cannot_be_public_is_named(tmp_path: Path, url: str) -> None:
    (problem,) = problems(write(tmp_path, f'[web]\npublic_url = "{url}"\n'))
    assert problem.startswith("web.public_url: ")


@pytest.mark.parametrize(
    "url", ["sqlite://memory", "sqlite:///:memory:", "sqlite:///", "postgresql://u:p@h:port/x", "x"]
)
def test_an_address_of_no_database_is_named(tmp_path: Path, url: str) -> None:
    (problem,) = problems(write(tmp_path, f'[storage]\nurl = "{url}"\n'))
    assert problem.startswith("storage.url: ")


def test_a_source_that_is_no_web_address_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, '[[sources]]\nurl = "https://a.example/feed"\n[[sources]]\nurl = "file:///etc/passwd"\n')
    assert problems(path) == ["sources.1.url: should begin with http:// or https:// and a host"]


def test_a_token_may_stand_in_a_file_only_its_owner_reads(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("1:token\n")
    path = write(tmp_path, f'[telegram]\ntoken_file = "{secret}"\n')

    secret.chmod(0o644)
    assert problems(path) == ["telegram.token_file: others may read it; run chmod 600 on it"]
    secret.chmod(0o600)
    token = load(path).telegram.token
    assert token is not None
    assert token.get_secret_value() == "1:token"
    secret.write_text("nonsense")
    assert problems(path) == ["telegram.token_file: does not hold a token as @BotFather gives it out"]


def test_secrets_do_not_show_in_the_configuration(tmp_path: Path) -> None:
    text = '[telegram]\ntoken = "1:hunter2"\n[storage]\nurl = "postgresql://me:hunter2@db/x"\n[fetch]\nproxy = "http://me:hunter2@p"\n'
    assert "hunter2" not in repr(load(write(tmp_path, text)))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), (90, 90), (1.5, 1.5), ("15m", 900), (" 6 h", 21600), ("2d", 172800)]
)
def test_durations_are_seconds_or_have_a_unit(text: object, seconds: float) -> None:
    assert TypeAdapter(Duration).validate_python(text).total_seconds() == seconds


@given(st.text() | st.floats() | st.integers() | st.none())
def test_no_duration_raises_anything_but_a_validation_error(value: object) -> None:
    with contextlib.suppress(ValidationError):
        assert TypeAdapter(Duration).validate_python(value).total_seconds() >= 1


def test_the_example_explains_every_key_and_is_valid() -> None:
    example = Path(__file__).parent.parent / "config.example.toml"
    text = example.read_text(encoding="utf-8")
    load(example)
    for section, field in Config.model_fields.items():
        assert f"[{section}]" in text, section  # [[sources]] too
        for key in getattr(field.annotation, "model_fields", {}):
            assert f"\n{key} = " in text or f"\n# {key} = " in text, f"{section}.{key}"


def test_reading_the_configuration_imports_nothing_heavy() -> None:
    heavy = ["telegram", "sqlalchemy", "aiohttp", "feedparser", "lxml", "apscheduler"]
    program = f"import sys, bot.config; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
