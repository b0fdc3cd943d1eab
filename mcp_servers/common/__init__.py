"""What the servers share: how they are served, and how they ask others politely."""
