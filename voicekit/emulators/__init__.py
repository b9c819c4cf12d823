"""Emulators: local stand-ins for the providers' APIs. They share no code with the clients they face."""
