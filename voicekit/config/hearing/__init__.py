"""Hearing: what of a caller's words a rule listens for. Pure: phrases, numbers, moments, grammars."""
