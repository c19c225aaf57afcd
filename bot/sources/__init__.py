"""Sources: from an address to entries.

In: a source's address and validators. Out: a `Feed` of normalised entries, oldest first, or a `SourceError`. Not here:
whether an entry is new (`bot.storage` has the keys), and running the polls (`bot.pipeline.poll`).

- due.py         when to poll again, from a source's rhythm, failures and hints (pure)
- rhythm.py      in which hours of the week a source publishes (pure)
- address.py     which addresses may be added, and when two of them are one source (pure)
- identity.py    the keys by which an item is known again (pure)
- item_cache.py  cache of the items each source last showed, so that only new ones are parsed
- discover.py    the feeds a web page names
- opml.py        lists of sources in OPML
- http/          fetching, within limits
- reading/       everything that runs in the worker process that can be killed
"""
