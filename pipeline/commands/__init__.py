"""The command line, by what a command is for. Modules are imported when their command runs, to start fast."""
