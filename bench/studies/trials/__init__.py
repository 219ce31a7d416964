"""What the studies of the recipe and of the spread are made of: trainings, their numbers and their pages.

Start at `bench/studies/recipe.py` and `bench/studies/spread.py`.
"""
