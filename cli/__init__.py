"""The command line: commands, tables and plots."""
