"""The matcher. `percolator` holds all queries and returns those an article matches; `evaluate` defines what a match is.

- document.py    an article, analysed once: its words, places and names
- leaf.py        pattern of one leaf of a query (a name, a prefix, …) and where it occurs in a document
- evaluate.py    the definition: evaluates a whole expression on a document
- terms.py       index from words to the terms of queries
- plan.py        which terms make a query a candidate
- verify.py      compiled checks of a candidate, without reading the text again where terms decide
- percolator.py  the index of queries
- spelling.py    index of close spellings
- aliases.py     names that an operator declared to be one
- compact.py     small containers, for millions of queries
"""
