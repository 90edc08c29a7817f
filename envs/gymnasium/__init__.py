"""Anybody's Gymnasium environment, in supervised host processes."""
