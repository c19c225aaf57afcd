"""The console: lines are said, buttons pressed by number, and what the bot says is shown without tricks."""

import asyncio
import io
from typing import Any

import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import CallbackQueryHandler, CommandHandler

from bot.sandbox.console import readable, run_console, visible
from bot.sandbox.people import BEN
from bot.sandbox.server import Sandbox
from tests.sandbox.test_application import running


async def talk(sandbox: Sandbox, typed: str) -> tuple[int, str]:
    """Return the console's exit status and output; it runs in a thread, as in a process of its own."""
    sink = io.StringIO()
    status = await asyncio.to_thread(run_console, sandbox.root_url, BEN, io.StringIO(typed), sink)
    return status, sink.getvalue()


async def test_a_conversation_from_a_pipe() -> None:
    async def offer(update: Update, context: Any) -> None:
        assert update.message
        rows = [[InlineKeyboardButton("Yes", callback_data="y"), InlineKeyboardButton("More", url="https://a.example")]]
        text = 'Watch <a href="https://b.example">it</a>?\x07'
        await update.message.reply_html(text, reply_markup=InlineKeyboardMarkup(rows))

    async def pressed(update: Update, context: Any) -> None:
        assert update.callback_query
        await update.callback_query.answer("Noted")
        await update.callback_query.edit_message_text("Watching.")

    async with Sandbox() as sandbox, running(sandbox, CommandHandler("start", offer), CallbackQueryHandler(pressed)):
        status, output = await talk(sandbox, ":1\n/start\n:1\n")
    assert status == 0
    assert output.splitlines()[1:] == [
        "There is no button 1.",
        "bot: Watch it (https://b.example)?",
        "  :1 Yes",
        "  More: https://a.example",
        "bot, in passing: Noted",
        "bot, edited: Watching.",
    ]


async def test_no_sandbox_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    async with Sandbox() as sandbox:
        pass
    status, output = await talk(sandbox, "")
    assert (status, output) == (1, "")
    assert "watchword run --sandbox" in capsys.readouterr().err


def test_files_are_named_and_control_characters_removed() -> None:
    assert readable({"document": {"file_name": "a\x1b[2J.json"}, "caption": "all"}) == "[document a[2J.json] all"
    assert visible("a\x00\x1b[31m\u202eb\n\x9b\u200d😀سلام\u200c") == "a[31mb\n\u200d😀سلام\u200c"
