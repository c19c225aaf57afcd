"""Stories: groups headlines about the same event, and recognises headlines of the same text.

In: headlines in the order they were seen. Out: a final `Placement` for each: an entry never changes its story and
stories never merge. In doubt, a new story. Not here: storage (this is a cache of it), and the choice of messages.
"""
