"""What must not get out."""
