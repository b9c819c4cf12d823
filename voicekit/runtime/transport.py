"""Transport: what every way of carrying a call's sound is made with."""

from pipecat.transports.base_transport import TransportParams


def transport_params() -> TransportParams:
    """Return the parameters of a transport: sound in both directions."""
    return TransportParams(audio_in_enabled=True, audio_out_enabled=True)
