"""Pipecat services that Pipecat lacks, one file a service."""
