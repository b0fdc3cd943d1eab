"""HOST. What the workspace was like: content-addressed snapshots in the state folder, compared, restored, undone."""
