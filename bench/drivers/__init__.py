"""Programs that time this project and a rival in one process, in turns."""
