"""Server: the routes by which callers reach an agent."""
