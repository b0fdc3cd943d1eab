"""The keys of providers: encrypted in the workspace, in the environment, in secret files."""
