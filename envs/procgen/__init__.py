"""ProcGen's sixteen games, run by its own native library in supervised host processes."""
