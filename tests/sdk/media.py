"""A camera and a microphone that are made of numbers, and what is seen and heard of them elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy
from livekit import rtc

WIDTH, HEIGHT = 640, 360


class Received:
    """Counts what one session gets of a track."""

    def __init__(self, track: rtc.Track) -> None:
        self.frames = 0
        self.size = (0, 0)
        self.peak = 0
        take = self._pictures if track.kind == rtc.TrackKind.KIND_VIDEO else self._sound
        self.task = asyncio.ensure_future(take(track))

    async def _pictures(self, track: rtc.Track) -> None:
        async for event in rtc.VideoStream(track):
            self.frames += 1
            self.size = (event.frame.width, event.frame.height)

    async def _sound(self, track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track):
            self.frames += 1
            samples = numpy.frombuffer(event.frame.data, dtype=numpy.int16)
            self.peak = max(self.peak, int(numpy.abs(samples).max()))


def receive(room: rtc.Room) -> dict[str, Received]:
    """What this session gets, by the kind of track: `video`, `audio`."""
    received: dict[str, Received] = {}

    @room.on("track_subscribed")
    def _(track: rtc.Track, _publication: object, _participant: object) -> None:
        received["video" if track.kind == rtc.TrackKind.KIND_VIDEO else "audio"] = Received(track)

    return received


@asynccontextmanager
async def camera(room: rtc.Room, codec: rtc.VideoCodec) -> AsyncIterator[rtc.LocalTrackPublication]:
    """Publishes a moving picture while it lasts."""
    source = rtc.VideoSource(WIDTH, HEIGHT)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, video_codec=codec, simulcast=True)

    async def film() -> None:
        number = 0
        while True:
            picture = numpy.full((HEIGHT, WIDTH, 4), number * 5 % 255, dtype=numpy.uint8)
            left = number * 8 % (WIDTH - 40)
            picture[:, left : left + 40] = 255
            source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, picture.tobytes()))
            number += 1
            await asyncio.sleep(1 / 20)

    filming = asyncio.ensure_future(film())
    try:
        yield await room.local_participant.publish_track(track, options)
    finally:
        filming.cancel()


@asynccontextmanager
async def microphone(room: rtc.Room) -> AsyncIterator[rtc.LocalTrackPublication]:
    """Publishes a tone of 440 Hz while it lasts."""
    source = rtc.AudioSource(48_000, 1)
    track = rtc.LocalAudioTrack.create_audio_track("microphone", source)

    async def hum() -> None:
        start = 0
        while True:
            wave = numpy.sin((numpy.arange(480) + start) * 2 * numpy.pi * 440 / 48_000) * 12_000
            start += 480
            await source.capture_frame(rtc.AudioFrame(wave.astype(numpy.int16).tobytes(), 48_000, 1, 480))

    humming = asyncio.ensure_future(hum())
    try:
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        yield await room.local_participant.publish_track(track, options)
    finally:
        humming.cancel()
