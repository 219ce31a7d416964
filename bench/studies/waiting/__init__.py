"""How long whoever runs a command waits, and what it tells them meanwhile."""
