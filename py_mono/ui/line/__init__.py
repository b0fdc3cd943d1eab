"""What the input line is made of: its keys, what completes in it, what it remembers, and what is pasted into it."""
