"""What of a fetched document is adopted."""

import pytest

from bot.models import Source
from bot.pipeline.ingest import _moved_to
from bot.sources.http.fetch import Fetched


@pytest.mark.parametrize(
    ("url", "permanent_url", "adopted"),
    [
        ("https://e.org/feed", "http://e.org/feed", None),
        ("https://e.org/feed", "http://other.org/feed", None),
        ("http://e.org/feed", "https://e.org/feed", "https://e.org/feed"),
        ("https://e.org/feed", "https://other.org/feed", "https://other.org/feed"),
        ("https://e.org/feed", "https://E.org:443/feed#top", None),
        ("https://e.org/feed", None, None),
    ],
)
def test_no_redirect_leads_a_source_from_https_to_http_for_good(
    url: str, permanent_url: str | None, adopted: str | None
) -> None:
    fetched = Fetched(url=permanent_url or url, body=b"", permanent_url=permanent_url)
    assert _moved_to(Source(1, url, "E"), fetched) == adopted
