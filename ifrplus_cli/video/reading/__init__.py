"""What a film is, and its frames with their times."""
