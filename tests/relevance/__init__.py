"""How right the matcher is, beside what other bots do: `make relevance`. Tables, no tests: the data is not in here."""
