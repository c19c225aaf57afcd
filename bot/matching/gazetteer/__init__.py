"""Names of the world: `places` (and their names in other languages), `demonyms` (peoples, adjectives), `namesakes`."""
