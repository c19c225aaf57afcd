"""/start, /help, and what the bot says to what it does not understand."""

from markupsafe import Markup

from bot.handlers.turn import Turn
from bot.models import Button
from bot.storage import chats, sources, subscriptions


async def start(turn: Turn) -> None:
    """Say what this is and how to begin; who had blocked the bot is welcome back."""
    say = turn.words.say
    async with turn.apply() as connection:
        if turn.chat.state == chats.PAUSED:
            text = say("Welcome back. News is paused: /resume brings what gathered.")
            await turn.reply(connection, text, ((Button(turn.words.gettext("Resume"), "resume"),),))
            return
        lines = [
            say("I watch the news for the words you care about."),
            "",
            say("Send me what to watch for:"),
            "/subscribe Idlib",
            "/subscribe Egypt–Russia",
            "/subscribe Syria -football",
            "",
            say(
                "A digest comes every day at {time} ({zone}); /settings changes that. /help has the rest.",
                time=turn.chat.digest_time.isoformat("minutes"),
                zone=turn.chat.zone,
            ),
        ]
        if not await sources.listing(connection):
            lines += ["", no_sources(turn)]
        elif await subscriptions.of_chat(connection, turn.chat.id):
            lines += ["", say("/list shows what you watch already.")]
        await turn.reply(connection, Markup("\n").join(lines))


def no_sources(turn: Turn) -> Markup:
    """Say that there is nothing to watch yet, and to an admin what to do."""
    if turn.is_admin:
        return turn.words.say("There are no sources yet. Add one: /addsource https://…")
    return turn.words.say("No news sources are set up yet. I keep your words, and begin when there are some.")


async def help_(turn: Turn) -> None:
    """Explain the commands and the query language."""
    say = turn.words.say
    explained = [
        ("/subscribe Syria", say("a name or word, in any form")),
        ("/subscribe Egypt–Russia", say("both in one article")),
        ("/subscribe Idlib OR Aleppo", say("either")),
        ("/subscribe Syria -football", say("one without the other")),
        ('/subscribe "joint military committee"', say("exactly these words")),
        ("/subscribe Syria, Libya", say("two at once")),
    ]
    commands = [
        ("/list", say("what you watch; change or stop it")),
        ("/digest", say("what is new, now")),
        ("/latest", say("the newest stories")),
        ("/settings", say("when your digest comes")),
        ("/pause, /resume", say("a break")),
    ]
    line = Markup("{command} — {meaning}")
    lines = [say("<b>What to watch for</b>")]
    lines += [line.format(command=command, meaning=meaning) for command, meaning in explained]
    lines += [Markup(), say("<b>What you get</b>")]
    lines += [line.format(command=command, meaning=meaning) for command, meaning in commands]
    if turn.is_admin:
        lines += [Markup(), say("<b>For admins</b>"), Markup("/sources, /addsource, /removesource, /pollnow, /stats")]
    async with turn.apply() as connection:
        await turn.reply(connection, Markup("\n").join(lines))


async def unknown(turn: Turn) -> None:
    """Answer a command that does not exist."""
    async with turn.apply() as connection:
        await turn.reply(connection, turn.words.say("I don't know that command. /help lists what I can do."))


async def plain_text(turn: Turn) -> None:
    """Answer what is not a command."""
    say = turn.words.say
    async with turn.apply() as connection:
        text = (turn.update.effective_message.text if turn.update.effective_message else None) or ""
        short = " ".join(text.split())[:60]
        if not short:
            await turn.reply(connection, say("I read words only. /help says how."))
            return
        said = say("To watch for that, send: <code>/subscribe {text}</code>", text=short)
        await turn.reply(connection, said)
