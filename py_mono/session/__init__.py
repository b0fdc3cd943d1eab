"""What is kept: journals, and the sessions they make up."""
