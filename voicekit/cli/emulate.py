"""The verb `emulate`: stand in for providers' APIs until interrupted, for a file, an SDK or another program."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import click


@click.command("emulate")
@click.argument("names", metavar="[NAMES]...", nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), default=7870, show_default=True, help="0: any free one.")
@click.option("--key", default="emulated-key", show_default=True, help="The only key they take.")
@click.option("--voice", "voices", metavar="ID", multiple=True, help="A voice of an account, beside the public ones.")
def command(names: tuple[str, ...], port: int, key: str, voices: tuple[str, ...]) -> None:
    """Stand in for the APIs of providers, all of them or those of NAMES, until Ctrl-C.

    Each is printed with the address that a file names as `endpoint`.
    """
    asyncio.run(_serve(names, port, key, frozenset(voices)))


async def _serve(names: Sequence[str], port: int, key: str, voices: frozenset[str]) -> None:
    from voicekit.calls.scene import TALK  # noqa: PLC0415 - `voicekit emulate --help` does without
    from voicekit.calls.stage import make, unknown  # noqa: PLC0415
    from voicekit.calls.stand_ins import STAND_INS  # noqa: PLC0415
    from voicekit.emulators.server import serve  # noqa: PLC0415
    from voicekit.emulators.side_channel import SideChannel  # noqa: PLC0415

    known = {each.emulator: each for each in STAND_INS}
    for name in names:
        if name not in known:
            raise unknown(name, known)
    scene = replace(TALK, voices=voices)
    chosen = [each for each in STAND_INS if each.emulator in (names or known)]
    emulators = {each.emulator: make(each, key, scene, ()) for each in chosen}
    async with serve([*emulators.values(), SideChannel(emulators)], port) as address:
        width = max(map(len, emulators))
        for each in chosen:
            click.echo(f"{each.emulator:<{width}}  {each.kind:<8}  endpoint: {each.endpoint.format(address=address)}")
        told = f"{len(chosen)} at http://{address}, with the key '{key}' (Ctrl-C ends it)"
        click.echo(told, err=True)
        await asyncio.Event().wait()
