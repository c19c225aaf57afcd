"""Why a source failed, as data: the name of the fault and its values, instead of an English sentence."""

import json
import re

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The sentences that were stored, by the fault's name. A value stands for the group of that name.
TEMPLATES = {
    "no-address": r"There is no address\.",
    "long-address": r"The address is longer than (?P<characters>\d+) characters\.",
    "characters-in-address": r"The address has a space, a backslash or a control character in it\.",
    "not-an-address": r"This is not a web address\.",
    "other-scheme": r"Only http and https addresses can be watched\.",
    "user-in-address": r"Please leave the user name and password out of the address\.",
    "no-host": r"The address names no host\.",
    "odd-host": r"The address has an odd host name\.",
    "not-public": r"This address is not on the public internet\.",
    "port": r"This port may not be used\.",
    "secret-over-http": r"A secret is sent over https only\.",
    "host-not-found": r"The host name could not be found\.",
    "not-reached": r"The server could not be reached\.",
    "disconnected": r"The server closed the connection without an answer\.",
    "tls-failed": r"A secure connection could not be made: the certificate or the handshake failed\.",
    "no-answer": r"The server did not answer within (?P<seconds>[\d.e+-]+) seconds\.",
    "too-many-redirects": r"The address was redirected more than (?P<times>\d+) times\.",
    "bad-redirect": r"The address was redirected to something that cannot be fetched\.",
    "blocked": r"The server refuses to serve us \(status (?P<status>\d+)\)\.",
    "gone": r"The server says that this document is gone for good\.",
    "not-found": r"There is nothing at this address \(status (?P<status>404)\)\.",
    "status": r"The server answered with status (?P<status>\d+)\.",
    "broken-off": r"The server's answer broke off\.",
    "not-http": r"The server's answer is not proper HTTP\.",
    "large-document": r"The document is larger than (?P<mebibytes>[\d.e+-]+) MiB\.",
    "not-gzip": r"The answer is announced as gzip and is not\.",
    "other-compression": r"The answer is compressed in a way nobody asked for\.",
    "damaged-compression": r"The compressed answer is damaged\.",
    "cut-compression": r"The compressed answer ends too early\.",
    "empty": r"The document is empty\.",
    "not-a-feed": r"This document is not a feed\.",
    "web-page": r"This is a web page, not a feed\.",
    "other-json": r"This is JSON, but not a JSON Feed\.",
    "entities": r"The document declares XML entities, which are not accepted\.",
    "unreadable": r"The document could not be read \((?P<error>\w+)\)\.",
    "reading-too-long": r"Reading the document took too long\.",
    "reading-memory": r"Reading the document took too much memory\.",
    "reading-time-or-memory": r"Reading the document took too much time or memory\.",
    "reading-stopped": r"Reading the document stopped half-way\.",
    "not-a-page": r"This is not a web page\.",
    "overtaken": r"Another poll of this source was faster\.",
    "poll-too-long": r"Reading it took too long\.",
    "bug": r"Something in Watchword broke; the log says what\.",
}
NUMBERS = {"characters", "times", "status"}  # the others are text


def fault(sentence: str) -> tuple[str, dict[str, str | int]]:
    """Return the fault and the values of a stored sentence; "unknown" and the text where no template matches it."""
    for name, template in TEMPLATES.items():
        if found := re.fullmatch(template, sentence):
            values = found.groupdict()
            return name, {key: int(value) if key in NUMBERS else value for key, value in values.items()}
    return "unknown", {"text": sentence}


def upgrade() -> None:
    """Apply it."""
    source = sa.table("source", sa.column("id", sa.BigInteger), sa.column("error", sa.Text))
    connection = op.get_bind()
    failing = connection.execute(sa.select(source.c.id, source.c.error).where(source.c.error.is_not(None))).all()
    for source_id, sentence in failing:
        name, values = fault(sentence)
        error = json.dumps({"fault": name, "values": values})
        connection.execute(source.update().where(source.c.id == source_id).values(error=error))
