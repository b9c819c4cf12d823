"""The catalogue of providers as data: generated from Pipecat, corrected by an overlay in our words."""
