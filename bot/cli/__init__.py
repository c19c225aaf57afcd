"""The command line: one module a command, and `main`, which reads the arguments."""
