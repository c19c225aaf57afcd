"""Reading: everything that runs in the worker process that can be killed, and the pool that runs it.

In: the bytes of a document. Out: a `Feed` record, the feeds a page names, or an article's text.

- pool.py                the worker processes
- document.py            a feed document (RSS, Atom, RDF, JSON Feed) as a `Feed`
- feedparser_patches.py  feedparser, made faster for the length of one call
- item_spans.py          a document cut into its items, so that only new ones are parsed
- charset.py             the encoding of a document
- normalise.py           one item of feedparser as a `FeedEntry`
- clean.py               plain text out of markup
- page.py                the article in a web page
"""
