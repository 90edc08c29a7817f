"""Knows torch and graphs; knows neither messages nor environments."""
