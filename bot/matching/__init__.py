"""Matching: which queries an article matches. Pure; nothing here knows the database.

In: queries as people typed them, and cleaned articles. Out: matches, with the words, the rules and a score. Not here:
who subscribed to a query, and questions about stored news (`bot.search`).

- query/      a query's text, its tree of expressions, and its description in plain words
- text/       words and scripts: tokens, inflection, transliteration, compounds
- gazetteer/  names of places and peoples, in many languages, and longer names that contain them
- engine/     the matcher: an index of queries (the percolator) that each article is looked up in

Imports point one way: engine → query → gazetteer → text.
"""
