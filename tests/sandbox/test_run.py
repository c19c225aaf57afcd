"""The sandbox's changes to the configuration."""

from pathlib import Path

from bot.config import Config
from bot.sandbox.run import _in_sandbox
from bot.sandbox.server import Sandbox


async def test_the_sandbox_makes_no_backups_into_the_folder_of_the_real_bot(tmp_path: Path) -> None:
    """Its own, empty database would push the real backups out, and they would have it refuse to start empty."""
    config = Config.model_validate({"storage": {"backup_dir": tmp_path / "backups"}})
    async with Sandbox() as sandbox:
        assert _in_sandbox(config, sandbox, (), tmp_path).storage.backup_dir is None
        named = Config.model_validate({"storage": {"url": f"sqlite:///{tmp_path}/w.db", "backup_dir": tmp_path}})
        assert _in_sandbox(named, sandbox, (), tmp_path).storage.backup_dir == tmp_path
