"""What is said of a race: how it was run, who was left and why it ended, and what a winner's own number is worth."""
