"""From an address to entries: when to poll, how to fetch, how to read what came.

In: a source's address and validators. Out: a `Feed` of normalised entries, oldest first, or a `SourceError`.
Not here: whether an entry is new (`bot.storage` knows the keys), what is done with it, and when the next poll
really happens (`due` only says when it should).

    due        when to poll again (pure)
    rhythm     in which hours of the week a source publishes (pure)
    address    what may be added, and when two addresses are one (pure)
    guard      which addresses may be connected to
    fetch      one HTTP exchange, bounded in time, hops and bytes
    resolve    host names to addresses, in threads of their own
    compression, headers      what a response's bytes and headers say (pure)
    parse      the process that reads documents, and can be killed
    document   one document: bytes to Feed (runs there)
    quicker    feedparser, made quicker (runs there)
    pieces     a document's items in its text, so that only new ones are read (runs there)
    charset    bytes to text (runs there)
    normalise  a document's items to FeedEntry, with their identity (runs there)
    clean      text without markup and without what is not the article (runs there)
    memory     what readings left to be known at the next
    page       a web page to the article in it (runs there)
    robots     what a site says about robots
    discover   from the address of a page to the feeds it names
"""
