"""Records: what happened in each call, as plain values."""
