"""The database: every SQL statement of the project, one file per noun.

In: frozen records and an open transaction (`Database.begin`). Out: frozen records, never rows.
The same statements run on SQLite and PostgreSQL, and every test runs on both.

Not here: deciding anything. What is due, new, told or sent is decided by the stages and written down here.
"""
