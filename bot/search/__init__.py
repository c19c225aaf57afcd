"""Search: finds the stored news that a query matches.

In: a query, or a subscription. Out: the articles of the last week that match, and other forms of the query with the
number of their stories. Not here: matching new articles with subscriptions (`bot.pipeline.match`).

- recent.py         the articles of the last seven days, indexed in memory
- article_index.py  an index of articles: the percolator reversed
- budget.py         how long the searches of each person may take
- preview.py        the articles that a new subscription would have found
- suggestions.py    narrower and wider forms of a query, chosen by the number of stories they find
- variants.py       the forms of a query that can be suggested
"""
