"""What is printed: streams that take everything (streams.py), the terminal's width, counts with their nouns."""
