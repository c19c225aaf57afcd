"""Stories: groups headlines about one event (*story*), stories about one topic (*thread*), and recognises same texts.

In: headlines in the order they were seen. Out: a final `Placement` for each: an entry never changes its story, a story
never its thread, and neither merge. In doubt, a new story. Not here: storage (this is a cache of it), and the choice of
messages.

Stored as: `entry.story_id` and `entry.text_id` (of hits and `told` too), `story.thread_id`; each is the id of the first
entry of its kind. An entry counts as told if one with its `text_id` was.
"""
