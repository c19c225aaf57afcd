import re
import string
from typing import Any

import pytest

from bot.errors import SourceError, SourceFault
from bot.locales import ISOLATE, words
from bot.messages.source_troubles import SENTENCES, explain

SAMPLES: dict[str, Any] = {
    "characters": 2048, "seconds": "20", "times": 5, "status": 503, "mebibytes": "1.5", "feeds": 500, "members": 1024,
    "error": "ValueError", "text": "The moon was full.",
}  # fmt: skip


def sample(fault: SourceFault) -> SourceError:
    names = [name for _, name, _, _ in string.Formatter().parse(SENTENCES[fault]) if name]
    return SourceError(fault, **{name: SAMPLES[name] for name in names})


@pytest.mark.parametrize("fault", SourceFault)
def test_every_fault_has_a_sentence_in_english_and_in_arabic(fault: SourceFault) -> None:
    error = sample(fault)
    english, arabic = explain(error), explain(error, words("ar"))
    assert re.fullmatch(r"[A-Z][^{}]*\.", english)
    assert "{" not in arabic
    assert fault is SourceFault.UNKNOWN or re.search("[\u0600-\u06ff]", arabic)
    assert all(str(value) in english and str(value) in arabic for value in error.values.values())


def test_a_failure_is_read_with_its_values_and_without_upsetting_the_line() -> None:
    error = SourceError(SourceFault.UNREADABLE, error="ValueError")
    assert explain(error) == "The document could not be read (ValueError)."
    assert f"({ISOLATE}ValueError" in explain(error, words("ar"))
    assert explain(SourceError(SourceFault.BLOCKED, status=403), words("ar")) == "يرفض الخادم خدمتنا (الحالة 403)."
