"""Runtime: a checked file becomes Pipecat objects, and one call lives its life."""
