"""The database: every SQL statement of the project, one file per noun.

In: frozen records and an open transaction (`Database.begin`). Out: frozen records, never rows.
The same statements run on SQLite and PostgreSQL, and every test runs on both.

Not here: decisions. The stages decide which work is due, new or sent; this folder stores the result.
"""
