"""Command line: `main` parses the arguments; the larger commands have a module each."""
