"""Planted mutants: changes to the code that once passed every test. Each of them has to be killed.

They are the first entries of every list of mutants. A change of the code they are planted in is a change here, too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlantedMutant:
    """A change of one place: in the file `path`, `old` (found once) becomes `new`."""

    name: str
    path: str
    old: str
    new: str


PLANTED = (
    PlantedMutant(
        "the markup of a summary reaches a message",
        "bot/messages/news.py",
        "headline, escape(lede), further",
        "headline, Markup(lede), further",
    ),
    PlantedMutant(
        "all is read from the wire, however much",
        "bot/sources/http/fetch.py",
        "            if len(raw) > self._max_bytes:\n",
        "            if False:\n",
    ),
    PlantedMutant(
        "what a dead sender leaves in doubt for good stays told",
        "bot/storage/deliveries.py",
        '        if values["state"] in NEVER_SENT:\n',
        "        if False:\n",
    ),
    PlantedMutant(
        "a sending is ended without the token of its claim",
        "bot/storage/deliveries.py",
        "        delivery.c.lease_token == claimed.lease_token,\n    )\n",
        "    )\n",
    ),
    PlantedMutant(
        "a 429 is not written to the chat",
        "bot/pipeline/send.py",
        "                await chats.hold(connection, claimed.telegram_id, until)\n",
        "",
    ),
    PlantedMutant(
        "a refused message is ready again at once",
        "bot/pipeline/send.py",
        "not_before=until, error=reason, counted=False",
        "not_before=now, error=reason, counted=False",
    ),
    PlantedMutant(
        "past hits are pending",
        "bot/storage/hits.py",
        "sa.and_(sa.not_(hit.c.past), fresh, sa.not_(same_text), ",
        "sa.and_(fresh, sa.not_(same_text), ",
    ),
    PlantedMutant(
        "what a first poll finds is no past hit",
        "bot/pipeline/match.py",
        "past=entry.baseline",
        "past=False",
    ),
    PlantedMutant(
        "a run that was asked for has the key of yesterday's",
        "bot/pipeline/digest.py",
        "period=now.isoformat()",
        "period=now.time().isoformat()",
    ),
    PlantedMutant(
        "an hourly run has the key of yesterday's",
        "bot/schedules/digests.py",
        'strftime("%Y-%m-%dT%HZ")',
        'strftime("%Y-T%HZ")',
    ),
    PlantedMutant(
        "a daily run has the key of last year's",
        "bot/schedules/digests.py",
        "return local.date().isoformat()",
        'return f"{local:%m-%d}"',
    ),
    PlantedMutant(
        "a weekly run has the key of last year's",
        "bot/schedules/digests.py",
        'return f"{year}-W{week:02}"',
        'return f"W{week:02}"',
    ),
)
