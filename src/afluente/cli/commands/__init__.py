"""One command a file: `run(arguments, console)` gives the exit status."""
