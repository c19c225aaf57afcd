"""Mutants: changes to the code that the tests have to notice."""
