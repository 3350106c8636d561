"""A relay of its own for the tests, and people in its rooms."""

import asyncio
import os
import re
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from livekit import api, rtc

KEY, SECRET = "devkey", "devsecretdevsecretdevsecretdevsecret"


@pytest.fixture(scope="session", params=[1, 2], ids=["one media thread", "a media thread each"])
def relay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a relay that stands alone; two in a room are with different media threads, if there are two."""
    folder: Path = tmp_path_factory.mktemp("relay")
    config = folder / "relay.toml"
    config.write_text(
        f'listen = "127.0.0.1:0"\ndata = "{folder}"\n'
        f'[media]\nworkers = {request.param}\ntogether = 1\nudp = "127.0.0.1:0"\nstun = "127.0.0.1:0"\n'
        f'[api_keys]\n{KEY} = "{SECRET}"\n'
    )
    process = subprocess.Popen(
        [os.environ["RELAY"], "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "RUST_LOG": "relay=info", "NO_COLOR": "1"},
    )
    assert process.stdout
    address = None
    for line in process.stdout:
        found = re.search(r"http=(\S+)", re.sub(r"\x1b\[[0-9;]*m", "", line))
        if found:
            address = found[1]
            break
    assert address, "the relay said where it is"
    yield f"ws://{address}"
    process.terminate()
    assert process.wait(10) == 0


class People:
    """Opens sessions in one room, and closes them all."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = f"room-{uuid.uuid4().hex[:8]}"
        self.rooms: list[rtc.Room] = []

    def token(self, identity: str, **grants: object) -> str:
        video = api.VideoGrants(room_join=True, room=self.name, can_update_own_metadata=True, **grants)
        return api.AccessToken(KEY, SECRET).with_identity(identity).with_name(identity.title()).with_grants(video).to_jwt()

    async def join(self, identity: str, options: rtc.RoomOptions | None = None, before=lambda room: None) -> rtc.Room:
        """A session; `before` may listen to it before it connects."""
        room = rtc.Room()
        before(room)
        await room.connect(self.url, self.token(identity), options or rtc.RoomOptions())
        self.rooms.append(room)
        return room

    def server(self) -> api.LiveKitAPI:
        return api.LiveKitAPI(self.url.replace("ws", "http", 1), KEY, SECRET)


@pytest_asyncio.fixture
async def people(relay: str) -> AsyncIterator[People]:
    people = People(relay)
    yield people
    for room in people.rooms:
        await room.disconnect()


async def until(what: str, probe, seconds: float = 15) -> object:
    """Polls `probe` until it answers something true."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        value = probe()
        if value:
            return value
        assert asyncio.get_running_loop().time() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)
