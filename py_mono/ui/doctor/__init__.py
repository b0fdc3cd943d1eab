"""``py-mono doctor``: what is wrong here, and the one command that mends it. A module for each thing that is looked at."""
