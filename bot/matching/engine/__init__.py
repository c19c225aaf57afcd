"""Matching engine: finds the queries that an article matches. `evaluate` defines a match, `percolator` finds them all.

In: queries (`bot.matching.query`) and articles. Out: matches with terms, rules and scores. Not here: the syntax of
queries, the language of words (`bot.matching.text`), names of places (`bot.matching.gazetteer`). Each module imports
only modules above it in this list:

- compact.py     sets and maps for millions of queries
- spelling.py    close spellings of names, and an index of names by them
- terms.py       index from words to the terms of queries
- field.py       the title or text of an article, analysed: its words, places and spans
- document.py    an article, analysed once: its fields, and which mentions mean a place
- hit.py         where a leaf of a query occurs, and by which rule
- leaf.py        matcher of one leaf of a query (a name, a prefix, …): its hits in a document
- plan.py        the terms that make an article a candidate for a query
- aliases.py     names that an administrator declared to be one
- evaluate.py    the definition: evaluates a whole expression on a document
- verify.py      compiled checks of a candidate, which scan the text only where its terms do not decide
- percolator.py  the index of queries
"""
