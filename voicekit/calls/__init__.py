"""Calls: callers that are programs."""
