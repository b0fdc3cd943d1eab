"""What a model is told before anything else."""
