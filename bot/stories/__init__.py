"""Which headlines are the same text, and which tell of the same event.

In: headlines in the order they were seen. Out: a `Placement` for each, final from then on: an entry never
changes its story and stories never merge. When unsure, a new story. Not here: storage (this is a cache of it), or
what a reader is sent.
"""
