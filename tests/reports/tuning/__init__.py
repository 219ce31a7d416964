"""What a page says of tuned runs."""
