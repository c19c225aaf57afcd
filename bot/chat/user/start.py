"""/start and /help: an introduction, and all commands; and the answer to a command that does not exist."""

from collections.abc import Sequence

from markupsafe import Markup

from bot.chat import permissions
from bot.chat.admin import people
from bot.chat.replies import reply
from bot.chat.request import Request
from bot.chat.user.subscription_views import no_sources
from bot.errors import UserError
from bot.locales import Words
from bot.messages.callbacks import ResumeButton
from bot.storage import sources, subscriptions
from bot.storage.chats import ChatState


async def start(request: Request) -> None:
    """Introduce the bot. An invitation's link sends this command with its code, which lets the person in."""
    let_in = await permissions.is_let_in(request)
    async with request.transaction() as connection:
        if not let_in and not await people.redeem(request, connection, request.args.strip()):
            raise UserError(permissions.refusal(request))
        say = request.words.say
        if request.chat.state is ChatState.PAUSED:
            text = say("Welcome back. News is paused: /resume brings what gathered.")
            await reply(request, connection, text, ((ResumeButton().labelled(request.words.gettext("Resume")),),))
            return
        lines = [
            say("I watch the news for the words you care about."),
            "",
            say("Send me what to watch for:"),
            say("/subscribe Idlib"),
            say("/subscribe Egypt–Russia"),
            say("/subscribe Syria -football"),
            "",
            say(
                "A digest comes every day at {time} ({zone}); /settings changes that. /help has the rest.",
                time=request.chat.digest_time.isoformat("minutes"),
                zone=request.chat.zone,
            ),
        ]
        if not await sources.listing(connection):
            lines += ["", no_sources(request)]
        elif await subscriptions.of_chat(connection, request.chat.id):
            lines += ["", say("/list shows what you watch already.")]
        await reply(request, connection, Markup("\n").join(lines))


async def help_(request: Request) -> None:
    """Explain the commands and the query language."""
    async with request.transaction() as connection:
        await reply(request, connection, help_text(request.words, for_admin=request.is_admin))


def help_text(words: Words, *, for_admin: bool) -> Markup:
    """Return the text of /help."""
    say = words.say
    explained = [
        (say("/subscribe Syria"), say("a name or word, in any form")),
        (say("/subscribe Egypt–Russia"), say("both in one article")),
        (say("/subscribe Idlib OR Aleppo"), say("either")),
        (say("/subscribe Syria -football"), say("one without the other")),
        (say('/subscribe "joint military committee"'), say("exactly these words")),
        (say("/subscribe Syria, Libya"), say("two at once")),
    ]
    lines = [say("<b>What to watch for</b>"), *_explained(words, explained), Markup()]
    lines += [say("<b>What you get</b>"), *_explained(words, _everybodys(words))]
    if for_admin:
        lines += [Markup(), say("<b>For admins</b>"), *_explained(words, _admins(words))]
    return Markup("\n").join(lines)


def _explained(words: Words, pairs: Sequence[tuple[str, Markup]]) -> list[Markup]:
    return [words.say("{command} — {meaning}", command=str(command), meaning=meaning) for command, meaning in pairs]


def _everybodys(words: Words) -> list[tuple[str, Markup]]:
    say = words.say
    return [
        ("/list", say("what you watch; change or stop it")),
        ("/digest", say("what is new, now")),
        ("/latest", say("the newest stories")),
        ("/why", say("why a story came, or did not")),
        ("/settings", say("when your digest comes, and in which language")),
        ("/pause, /resume", say("a break")),
        ("/export, /forget", say("your data: a copy, or all of it deleted")),
    ]


def _admins(words: Words) -> list[tuple[str, Markup]]:
    say = words.say
    return [
        ("/sources, /addsource, /removesource", say("the news sources")),
        ("/pausesource, /resumesource, /pollnow", say("rest one, or ask now")),
        ("/fulltext", say("read a source's whole articles, or not")),
        ("/import, /export", say("sources from and to an OPML file")),
        ("/alias", say("names that are one")),
        ("/stats, /queue, /testalert", say("how the bot is doing")),
        ("/invite, /allow, /ban, /unban, /admins", say("who may use it")),
        ("/broadcast", say("a message to everybody")),
    ]


async def not_own(request: Request) -> None:
    """Answer a command or a file that was forwarded, or made by another bot: it is not carried out."""
    async with request.transaction() as connection:
        sentence = request.words.say("That is somebody else’s message, so I did nothing. Send it as your own.")
        await reply(request, connection, sentence)


async def unknown(request: Request) -> None:
    """Answer a command that does not exist."""
    async with request.transaction() as connection:
        await reply(request, connection, request.words.say("I don't know that command. /help lists what I can do."))
