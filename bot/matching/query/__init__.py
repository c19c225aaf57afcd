"""The query language: `parser` turns text into a tree (`ast`), `printer` writes its text, `describe` plain words."""
