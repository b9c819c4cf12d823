"""`python -m voicekit` is the command `voicekit`."""

from voicekit.cli.main import main

main()
