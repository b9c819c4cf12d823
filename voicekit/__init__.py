"""voicekit: one YAML file is a voice agent."""
