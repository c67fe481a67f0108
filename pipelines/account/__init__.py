"""What is told of a run: its folder read back, for the card and the report."""
