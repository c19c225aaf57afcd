"""Search: questions about stored news.

In: a query, or a subscription. Out: the articles of the last week that match, and other forms of a query with their
counts. Not here: matching new articles for subscribers (`bot.pipeline.match`).

- recent.py         the last seven days of articles, indexed in memory
- article_index.py  an index of articles; the reverse of the percolator
- preview.py        what a new subscription would have found
- suggestions.py    narrower and wider forms of a query, by what they find
- variants.py       the forms of a query that can be offered
"""
