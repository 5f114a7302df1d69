"""The command line: one file a command, options into one value, then one call."""
