"""GUEST. The tools that come with py-mono, one file each; standard library only, run inside the lock."""
