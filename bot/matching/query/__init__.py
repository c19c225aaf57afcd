"""The query language: text ↔ expression tree (`ast`), by `parser` and `printer`; `describe` puts a tree into words."""
