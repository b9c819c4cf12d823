"""Vocabulary: what other systems call things, by the section in which somebody may write it. Data, and no rule.

Vapi, LiveKit Agents, Pipecat, Retell, ElevenLabs' agents, Unmute, Home Assistant and OpenAI were read for it.
A word is in small letters with '_'; `firstMessage` is looked up as `first_message`. What voicekit has no key
for is not in here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Word:
    """What a word of another system is here.

    Attributes:
        ours: The key of the same section that it stands for; `*` for all of them, empty for none.
        example: What to write instead.
        said: What is said of it, where "voicekit calls it 'x'" is not the whole answer.
    """

    ours: str
    example: str
    said: str = ""

    @property
    def renamed(self) -> bool:
        """Whether the value can stay as it is."""
        return not self.said or self.said.startswith("voicekit calls it")


_FIXED: Final = "turn: {end: fixed, wait_ms: 600}"
_STOP: Final = Word("stop_secs", "stop_secs: 0.2", "Pipecat's word is 'stop_secs'")
_START: Final = Word("start_secs", "start_secs: 0.2", "Pipecat's word is 'start_secs'")
_BESIDE: Final = Word("", "move what stands in it up one level", "options stand beside 'provider'")

_LIST: Final = Word("", "llm: [openai/gpt-4o-mini, anthropic]", "a list of asr, llm or tts is tried in order")
_SILENT: Final = Word("", "silence: {after_secs: 10}", "voicekit calls it 'silence.after_secs', in seconds")
_IDLE: Final = (
    "idle_timeout idle_timeout_secs idle_timeout_seconds user_idle_timeout user_away_timeout turn_timeout "
    "silence_end_call_timeout"
)
_AFTER_MS: Final = "voicekit counts it in milliseconds: 'asr_ms', 'llm_ms' or 'tts_ms'"

# By section: the words, and what they all are here. `service` is asr, llm and tts alike.
_TABLE: Final[Mapping[str, Mapping[str, Word]]] = {
    "agent": {
        "stt transcriber speech_to_text recognizer speech_recognition stt_engine transcription "
        "input_audio_transcription": Word("asr", "asr: deepgram/nova-3"),
        "language_model brain response_engine conversation_engine conversation_agent": Word(
            "llm", "llm: openai/gpt-4o"
        ),
        "model model_id model_name": Word("llm", "llm: openai/gpt-4o", "a model belongs to its provider"),
        "speech_to_speech s2s realtime_model live_model": Word("realtime", "realtime: openai/gpt-realtime"),
        "text_to_speech synthesizer speech_synthesis tts_engine": Word("tts", "tts: espeak"),
        "voice voice_id tts_voice speaker": Word(
            "tts", "tts: {provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}", "a voice belongs to its provider"
        ),
        "system_prompt instructions system_instruction system_instructions system_message general_prompt system "
        "persona messages": Word("prompt", "prompt: |"),
        "first_message begin_message welcome_message initial_message opening opening_line welcome": Word(
            "greeting", "greeting: Hello. How can I help?"
        ),
        "functions general_tools built_in_tools actions plugins": Word("tools", "tools: {end_call: builtin}"),
        "end_call_function_enabled end_call": Word("", "tools: {end_call: builtin}", "ending the call is a tool"),
        "turn_detection endpointing turn_taking end_of_turn start_speaking_plan user_turn_strategies": Word(
            "turn", _FIXED
        ),
        "vad_analyzer voice_activity_detection": Word("vad", "vad: silero"),
        "transports connection": Word("transport", "transport: webrtc"),
        "lang locale language_code": Word("language", "language: en"),
        "agent_name assistant_name alias title id": Word("name", "name: agent"),
        "api_version schema_version": Word("version", "version: 1"),
        "fallbacks fallback_models fallback_plan fallback_adapter failover backup backup_llm_config": _LIST,
        "error_message fallback_message": Word("", "failure: {say: I am sorry.}", "voicekit calls it 'failure.say'"),
        "timeout timeout_secs request_timeout llm_timeout": Word(
            "", "llm: {provider: openai, timeout_secs: 10}", "a time limit belongs to its provider"
        ),
        "retries max_retries retry": Word(
            "", "llm: [openai/gpt-4o-mini, anthropic]", "the next of a list takes over from who fails"
        ),
        "max_duration max_duration_secs max_duration_seconds max_call_duration max_call_duration_ms call_timeout "
        "time_limit session_timeout": Word(
            "", "limits: {call_secs: 600}", "voicekit calls it 'limits.call_secs', in seconds"
        ),
        "max_cost cost_limit budget": Word("", "limits: {cost_usd: 0.5}", "voicekit calls it 'limits.cost_usd'"),
        "max_turns": Word("", "limits: {turns: 200}", "voicekit calls it 'limits.turns'"),
        "max_tool_steps max_tool_calls": Word(
            "", "limits: {tool_calls_per_turn: 8}", "voicekit calls it 'limits.tool_calls_per_turn'"
        ),
        "silence_timeout silence_timeout_secs silence_timeout_seconds inactivity_timeout end_call_after_silence_ms "
        f"reminder_trigger_ms {_IDLE}": _SILENT,
        "idle_messages idle_message reminders message_plan reminder_max_count": Word(
            "", "silence: {nudges: [Are you still there?]}", "each line of 'silence.nudges' is said once"
        ),
        "end_call_message goodbye_message": Word(
            "", "silence: {goodbye: Goodbye.}", "the last words are 'goodbye' in silence, failure and limits"
        ),
        "rules steps otherwise intents dialogue": Word(
            "",
            "llm: {provider: rules, rules: [{hear: hello, say: Hello.}]}",
            "rules belong to 'llm: rules'",
        ),
        "temperature max_tokens top_p": Word(
            "", "llm: {provider: openai, temperature: 0.7}", "an option belongs to its provider"
        ),
        "api_key openai_api_key": Word(
            "", 'llm: {provider: openai, api_key: "${OPENAI_API_KEY}"}', "a key belongs to its provider"
        ),
        "agent assistant voicekit config bot pipeline conversation_config": Word(
            "*", "begin its keys in column 1", "the file is the agent, and its keys stand at the top level"
        ),
    },
    "greeting": {
        "text message words content line first_message": Word("say", "say: Hello."),
        "allow_interruptions interruptions_enabled interrupt": Word("interruptible", "interruptible: false"),
        "delay wait_ms begin_message_delay_ms": Word("delay_ms", "delay_ms: 300"),
    },
    "transport": {
        "provider kind name transport": Word("type", "transport: webrtc", "a transport has a 'type'"),
        "token": Word("auth_token", 'auth_token: "${TWILIO_AUTH_TOKEN}"'),
        "sid account": Word("account_sid", 'account_sid: "${TWILIO_ACCOUNT_SID}"'),
        "auto_hang_up hangup": Word("hang_up", "hang_up: true"),
        "serializer format": Word("protocol", "protocol: rtvi"),
        "base_url api_base url": Word("endpoint", "endpoint: https://api.twilio.com"),
        "stun stun_servers turn_servers ice": Word("ice_servers", 'ice_servers: ["stun:stun.example.com:3478"]'),
    },
    "vad": {
        "stop_ms silence_duration_ms silence_ms min_silence_duration min_silence_duration_ms": _STOP,
        "start_ms speech_ms min_speech_duration min_speech_duration_ms": _START,
        "threshold sensitivity activation_threshold": Word("confidence", "confidence: 0.7"),
        "volume energy": Word("min_volume", "min_volume: 0.6"),
        "type name model engine analyzer": Word("provider", "provider: silero"),
    },
    "turn": {
        "endpointing": Word("", _FIXED, "the wait of 'end: fixed' is 'wait_ms'; Deepgram's own stands in asr"),
        "silence_ms silence_duration_ms timeout_ms wait": Word("wait_ms", "wait_ms: 600"),
        "min_endpointing_delay wait_secs user_speech_timeout": Word(
            "wait_ms", "wait_ms: 600", "voicekit counts it in milliseconds: 'wait_ms'"
        ),
        "type mode strategy detection detector provider turn_detection": Word("end", "end: fixed"),
        _IDLE: _SILENT,
    },
    "tool": {
        "function handler callable code module": Word("python", "python: tools:lookup_order"),
        "args arguments input_schema properties params schema": Word("parameters", "parameters: {order_id: string}"),
        "timeout timeout_seconds": Word("timeout_secs", "timeout_secs: 10"),
        "url uri endpoint method server webhook request": Word(
            "http", "http: GET https://example.org/orders", "method and address stand in 'http'"
        ),
        "payload json data": Word("body", 'body: {order_id: "{{order_id}}"}'),
        "query_params query_parameters query_string": Word("query", 'query: {order_id: "{{order_id}}"}'),
        "form_data": Word("form", 'form: {order_id: "{{order_id}}"}'),
        "response response_path output": Word("result", "result: $.order"),
        "max_retries retry": Word("retries", "retries: 1"),
        "doc help purpose": Word("description", "description: Find an order by its number."),
        "name": Word("", "remove it", "the key of a tool is its name"),
    },
    "silence": {
        f"timeout timeout_secs timeout_seconds after secs seconds silence_timeout {_IDLE}": Word(
            "after_secs", "after_secs: 10"
        ),
        "timeout_ms after_ms": Word("after_secs", "after_secs: 10", "voicekit counts it in seconds: 'after_secs'"),
        "say messages message lines reminders idle_messages": Word("nudges", "nudges: [Are you still there?]"),
        "max_count count retries": Word(
            "nudges", "nudges: [Are you still there?]", "each line of 'nudges' is said once"
        ),
        "end_message end_call_message": Word("goodbye", "goodbye: Goodbye."),
        "end_call hangup disconnect": Word("hang_up", "hang_up: true"),
    },
    "fallback": {
        "timeout_ms after_ms": Word("llm_ms", "llm_ms: 2000"),
        "timeout timeout_secs attempt_timeout": Word("llm_ms", "llm_ms: 2000", _AFTER_MS),
        "stt_ms transcriber_ms": Word("asr_ms", "asr_ms: 2500"),
        "asr stt llm tts provider providers model models": _LIST,
        "retries attempts max_retry max_retries max_errors": Word("errors", "errors: 2"),
        "cooldown cooldown_secs retry_interval retry_after": Word("cool_down_secs", "cool_down_secs: 60"),
    },
    "failure": {
        "message text line apology error_message": Word("say", "say: I am sorry."),
        "timeout timeout_ms timeout_secs after_ms": Word(
            "within_ms", "within_ms: 4000", "how long a caller hears nothing at most is 'within_ms', in milliseconds"
        ),
        "retries attempts max_errors max_failures max_retries": Word("tries", "tries: 2"),
        "end_message end_call_message": Word("goodbye", "goodbye: Goodbye."),
    },
    "limits": {
        "max_duration max_duration_secs max_duration_seconds max_call_duration duration secs seconds time": Word(
            "call_secs", "call_secs: 600"
        ),
        "cost budget max_cost max_cost_usd usd": Word("cost_usd", "cost_usd: 0.5"),
        "max_tool_calls": Word("tool_calls", "tool_calls: 50"),
        "max_tool_steps tool_rounds": Word("tool_calls_per_turn", "tool_calls_per_turn: 8"),
        "warning warn warning_message": Word("warn_say", "warn_say: We have half a minute left."),
        "say message text end_message end_call_message": Word("goodbye", "goodbye: Our time is up."),
    },
    "rules": {
        "states nodes": Word("steps", "steps: {more: [{hear: hello, say: Hello.}]}"),
        "default else fallback": Word("otherwise", "otherwise: Once more please?"),
        "intents": Word("rules", "rules: [{hear: hello, say: Hello.}]"),
    },
    "rule": {
        "match phrase phrases when user if pattern intent utterances": Word("hear", "hear: hello"),
        "answer reply response text bot then": Word("say", "say: Hello."),
        "action function call": Word("tool", "tool: end_call"),
        "goto next step": Word("go", "go: start"),
        "args arguments": Word("with", "with: {desk: north}"),
        "error on_error": Word("failed", "failed: I am sorry."),
    },
    "service": {
        "api_base api_url host endpoint_url azure_endpoint": Word(
            "endpoint", "endpoint: http://127.0.0.1:8000/v1", "voicekit calls it 'endpoint', for every provider"
        ),
        "voice_name speaker speaker_id": Word("voice", "voice: 21m00Tcm4TlvDq8ikWAM"),
        "model_id model_name deployment": Word("model", "model: nova-3"),
        "lang language_code locale": Word("language", "language: en"),
        "key apikey token": Word("api_key", "leave it out: it comes from the environment", "it is called 'api_key'"),
        "options input_params voice_settings config": _BESIDE,
        "name type vendor service engine": Word("provider", "provider: deepgram"),
        "timeout_ms timeout_sec timeout_seconds request_timeout connect_timeout": Word(
            "timeout_secs", "timeout_secs: 5", "every provider has 'timeout_secs', in seconds"
        ),
    },
    "asr": {
        "fallback fallbacks fallback_plan backup": Word(
            "", "asr: [deepgram/nova-3, openai]", "a list of recognisers is tried in order"
        ),
    },
    "tts": {
        "fallback fallbacks fallback_plan fallback_voice_ids backup": Word(
            "",
            "tts: [{provider: elevenlabs, voice: 21m00Tcm4TlvDq8ikWAM}, openai]",
            "a list of voices is tried in order",
        ),
    },
    "llm": {
        "system_prompt system instructions system_instruction messages": Word(
            "", "prompt: |", "the prompt stands at the top level"
        ),
        "fallback fallbacks fallback_plan fallback_models backup": Word(
            "", "llm: [openai/gpt-4o-mini, anthropic]", "a list of models is tried in order"
        ),
    },
}


def _each() -> Iterator[tuple[tuple[str, str], Word]]:
    for section, rows in _TABLE.items():
        yield from (((section, word), meaning) for words, meaning in rows.items() for word in words.split())


KNOWN: Final[Mapping[tuple[str, str], Word]] = dict(_each())
"""Section and word to what it is here."""
