"""HTTP/1.1 to one server: its address, a connection, replies as they come."""
