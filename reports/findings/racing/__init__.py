"""Races: who was out, at how many seeds and by whom, run again from their records."""
