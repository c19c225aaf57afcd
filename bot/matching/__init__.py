"""Which queries an article matches, where and why.

In: queries as readers typed them, and cleaned articles. Out: `Match`es with terms, rules and scores. Not here:
who subscribed, what is stored or sent, nor the cleaning of articles. The language is described in docs/queries.md.
"""
