"""Transport: what every way of carrying a call's sound is made with."""

from pipecat.evals.transport import EvalTransportParams
from pipecat.transports.base_transport import TransportParams


def transport_params() -> TransportParams:
    """Return the parameters of a transport: sound in both directions."""
    return TransportParams(audio_in_enabled=True, audio_out_enabled=True)


def eval_params() -> EvalTransportParams:
    """Return the same for a talk with Pipecat's eval harness."""
    return EvalTransportParams(audio_in_enabled=True, audio_out_enabled=True)
