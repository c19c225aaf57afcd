"""Precision and recall of the matcher, compared with other bots' methods: `make relevance` prints tables.

These are no tests: their data is not in the repository.
"""
