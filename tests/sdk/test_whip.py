"""FFmpeg as an encoder by WHIP: its own ICE and RTP, the TLS library's DTLS."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import imageio_ffmpeg
import pytest
from conftest import People, until
from livekit import api
from media import HEIGHT, WIDTH, receive

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def encoder(people: People, identity: str) -> AsyncIterator[subprocess.Popen]:
    """Publishes a test picture and a tone while it lasts."""
    process = subprocess.Popen(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *("-hide_banner", "-loglevel", "warning", "-re"),
            *("-f", "lavfi", "-i", f"testsrc2=size={WIDTH}x{HEIGHT}:rate=25"),
            *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"),
            *("-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-tune", "zerolatency"),
            *("-pix_fmt", "yuv420p", "-b:v", "600k", "-g", "50"),
            *("-c:a", "libopus", "-ac", "2", "-b:a", "64k"),
            *("-f", "whip", "-authorization", people.token(identity)),
            people.url.replace("ws", "http", 1) + "/whip",
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        _, said = await asyncio.to_thread(process.communicate)
        print(said.decode(errors="replace"))


async def test_what_ffmpeg_publishes_is_seen_and_heard(people: People) -> None:
    bob = await people.join("bob")
    received = receive(bob)
    async with encoder(people, "encoder"):
        await until("video and audio", lambda: {"video", "audio"} <= received.keys())
        await until("60 pictures", lambda: received["video"].frames >= 60)
        await until("the whole picture", lambda: received["video"].size == (WIDTH, HEIGHT))
        await until("a tone", lambda: received["audio"].peak > 2_000)
        # Who comes late has to wait for no keyframe of its own making.
        late = await people.join("cleo")
        seen = receive(late)
        await until("a picture", lambda: "video" in seen and seen["video"].frames > 0, 5)
    await until("its leave", lambda: "encoder" not in bob.remote_participants)


async def test_a_muted_encoder_is_neither_seen_nor_heard_though_it_goes_on(people: People) -> None:
    bob = await people.join("bob")
    received = receive(bob)
    async with encoder(people, "encoder"), people.server() as server:
        await until("both", lambda: {"video", "audio"} <= received.keys() and received["video"].frames > 20)
        tracks = list(bob.remote_participants["encoder"].track_publications)
        for sid in tracks:
            await server.room.mute_published_track(
                api.MuteRoomTrackRequest(room=people.name, identity="encoder", track_sid=sid, muted=True)
            )
        await asyncio.sleep(1)
        frames = received["video"].frames
        received["audio"].peak = 0
        await asyncio.sleep(2)
        assert received["video"].frames <= frames + 1
        assert received["audio"].peak < 200
