"""The command line as its user meets it: the real program, in a process of its own."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def watchword(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=cwd,
        env=env(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def env(**more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    return {**ours, "PYTHONPATH": str(ROOT), **more}


def test_without_a_token_it_says_which_key_and_exits_with_2(tmp_path: Path) -> None:
    done = watchword("run", cwd=tmp_path)
    assert done.returncode == 2
    assert "telegram.token" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_problem_of_the_configuration_is_shown_at_once_without_its_secret(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[telegram]\ntoken = "hunter2"\n[polling]\nintervall = 1\n')
    done = watchword("run", cwd=tmp_path)
    assert done.returncode == 2
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["telegram.token", "polling.intervall"]
    assert "hunter2" not in done.stderr


def test_a_database_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    settings = {"WATCHWORD_TELEGRAM__TOKEN": "1:token", "WATCHWORD_STORAGE__URL": "sqlite:////dev/null/no/x.db"}
    done = watchword("run", cwd=tmp_path, **settings)
    assert done.returncode == 2
    assert "storage.url" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_what_is_wrong_and_exits_with_1(tmp_path: Path) -> None:
    done = watchword("check", cwd=tmp_path)
    assert done.returncode == 1
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "ok" in lines["configuration"]
    assert "ok" in lines["database"]
    assert "telegram.token" in lines["token"]


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    done = watchword("match", "--queries", "none.txt", "--articles", "none.jsonl", cwd=tmp_path)
    assert done.returncode == 2
    assert "none.txt" in done.stderr
    assert watchword("nonsense", cwd=tmp_path).returncode == 2


@contextmanager
def sandbox(cwd: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the sandbox in a process of its own; yields it and its address."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "bot", "run", "--sandbox", "--port", str(port)],
        cwd=cwd,
        env=env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "http://127.0.0.1:" in line)
            yield process, "http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split()[0].rstrip("/,.")
        finally:
            process.kill()


def test_the_sandbox_runs_answers_and_stops_at_sigterm_with_0(tmp_path: Path) -> None:
    with sandbox(tmp_path) as (process, address):
        said = subprocess.run(
            [sys.executable, "-m", "bot", "chat", "--url", address],
            input="/subscribe Idlib\n",
            cwd=tmp_path,
            env=env(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Watching Idlib" in said.stdout
        assert said.returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=25) == 0


def test_a_taken_port_is_said_and_the_next_one_used(tmp_path: Path) -> None:
    with sandbox(tmp_path) as (_, first):
        taken = int(first.rsplit(":", 1)[1])
        (tmp_path / "second").mkdir()
        with sandbox(tmp_path / "second", taken) as (__, second):
            assert first != second
            with urllib.request.urlopen(f"{second}/sandbox/state", timeout=10) as answer:
                assert answer.status == 200


@pytest.mark.parametrize("command", ["run", "check", "match", "stories", "chat"])
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = watchword(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "usage: watchword" in done.stdout


def test_every_mistake_in_the_file_of_aliases_is_shown_at_start_by_check_and_by_match(tmp_path: Path) -> None:
    (tmp_path / "aliases.txt").write_text("Myanmar = Burma\nSyria = Iraq\nnonsense\n")
    (tmp_path / "q.txt").write_text("Foo")
    (tmp_path / "a.jsonl").write_text("")
    settings = {"WATCHWORD_TELEGRAM__TOKEN": "1:token", "WATCHWORD_MATCHING__ALIASES": "aliases.txt"}
    started = watchword("run", cwd=tmp_path, **settings)
    files = ("--queries", "q.txt", "--articles", "a.jsonl")
    matched = watchword("match", *files, "--aliases", "aliases.txt", cwd=tmp_path)
    for done in (started, matched):
        assert done.returncode == 2
        assert [line.split(": ")[2].split(", ")[1] for line in done.stderr.splitlines()] == ["line 2", "line 3"]
    assert "aliases        WRONG" in watchword("check", cwd=tmp_path, **settings).stdout
    assert "cannot be read" not in started.stderr
    gone = watchword("match", *files, "--aliases", "none.txt", cwd=tmp_path)
    assert gone.returncode == 2
    assert "No such file" in gone.stderr


def test_a_file_of_aliases_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "aliases.txt")
    settings = {"WATCHWORD_TELEGRAM__TOKEN": "1:token", "WATCHWORD_MATCHING__ALIASES": "aliases.txt"}
    started = watchword("run", cwd=tmp_path, **settings)
    assert started.returncode == 2
    assert started.stderr.endswith("matching.aliases: aliases.txt is not a regular file\n")
    assert "not a regular file" in watchword("check", cwd=tmp_path, **settings).stdout


def test_match_knows_the_aliases_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "aliases.txt").write_text("Wagner = Вагнер\n")
    (tmp_path / "config.toml").write_text('[matching]\naliases = "aliases.txt"\n')
    (tmp_path / "q.txt").write_text("Wagner\n")
    (tmp_path / "a.jsonl").write_text('{"id": 1, "title": "Вагнера не было", "text": ""}\n')
    files = ("--queries", "q.txt", "--articles", "a.jsonl")
    for more in (("--aliases", "aliases.txt"), ("--config", "config.toml")):
        assert '"rule": "alias"' in watchword("match", *files, *more, cwd=tmp_path).stdout
    assert not watchword("match", *files, cwd=tmp_path).stdout
