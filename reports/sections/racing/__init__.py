"""How what a page shows was chosen: the race that it won."""
