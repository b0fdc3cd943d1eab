"""What completes the command line in bash, zsh and fish; the scripts are made by ``scripts/completions.py``."""
