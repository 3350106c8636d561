"""LiveKit's native SDK: libwebrtc behind its Rust client."""

import asyncio

import pytest
from conftest import People, until
from livekit import rtc
from media import HEIGHT, WIDTH, camera, microphone, receive

pytestmark = pytest.mark.asyncio

ACTIVE = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE


@pytest.mark.parametrize("codec", [rtc.VideoCodec.VP8, rtc.VideoCodec.H264])
async def test_pictures_and_sound_arrive(people: People, codec: rtc.VideoCodec) -> None:
    bob = await people.join("bob")
    received = receive(bob)
    ann = await people.join("ann")
    async with camera(ann, codec), microphone(ann):
        await until("video and audio", lambda: {"video", "audio"} <= received.keys())
        await until("60 pictures", lambda: received["video"].frames >= 60)
        await until("a tone", lambda: received["audio"].peak > 6_000)
        await until("the whole picture", lambda: received["video"].size == (WIDTH, HEIGHT))


async def test_who_comes_late_sees_at_once(people: People) -> None:
    ann = await people.join("ann")
    async with camera(ann, rtc.VideoCodec.VP8):
        await asyncio.sleep(2)
        received: dict = {}
        await people.join("bob", before=lambda room: received.update(room=receive(room)))
        await until("a picture", lambda: "video" in received["room"] and received["room"]["video"].frames > 0, 3)


async def test_mute_is_told_and_what_is_unpublished_goes(people: People) -> None:
    bob, ann = await people.join("bob"), await people.join("ann")
    told: list[str] = []
    bob.on("track_muted", lambda _who, _what: told.append("muted"))
    bob.on("track_unmuted", lambda _who, _what: told.append("unmuted"))
    bob.on("track_unpublished", lambda _what, _who: told.append("unpublished"))
    async with microphone(ann) as published:
        await until("the track", lambda: bob.remote_participants["ann"].track_publications)
        published.track.mute()
        await until("a mute", lambda: told == ["muted"])
        published.track.unmute()
        await until("an unmute", lambda: told == ["muted", "unmuted"])
        await ann.local_participant.unpublish_track(published.sid)
        await until("the end of it", lambda: told == ["muted", "unmuted", "unpublished"])


async def test_data_goes_to_all_or_to_those_named(people: People) -> None:
    ann = await people.join("ann")
    got: dict[str, list[bytes]] = {"bob": [], "cleo": []}
    for name, messages in got.items():
        room = await people.join(name)
        room.on("data_received", lambda packet, messages=messages: messages.append(bytes(packet.data)))
    # Whose media is not connected yet gets no messages, as with the peer.
    await until("all three", lambda: [one.state for one in ann.remote_participants.values()] == [ACTIVE, ACTIVE])
    await ann.local_participant.publish_data(b"to all", reliable=True)
    await ann.local_participant.publish_data(b"lossy", reliable=False)
    await ann.local_participant.publish_data(b"to cleo", reliable=True, destination_identities=["cleo"])
    await until("three for Cleo", lambda: sorted(got["cleo"]) == [b"lossy", b"to all", b"to cleo"])
    assert sorted(got["bob"]) == [b"lossy", b"to all"]


async def test_calls_texts_and_files_go_from_one_to_another(people: People) -> None:
    bob, ann = await people.join("bob"), await people.join("ann")
    await until("Bob", lambda: [one.state for one in ann.remote_participants.values()] == [ACTIVE])

    @bob.local_participant.register_rpc_method("greet")
    async def greet(call: rtc.RpcInvocationData) -> str:
        return f"hello {call.payload}, said {call.caller_identity}"

    answer = await ann.local_participant.perform_rpc(destination_identity="bob", method="greet", payload="Bob")
    assert answer == "hello Bob, said ann"

    texts: list[str] = []
    files: list[bytes] = []

    async def read_text(reader: rtc.TextStreamReader) -> None:
        texts.append(await reader.read_all())

    async def read_file(reader: rtc.ByteStreamReader) -> None:
        files.append(b"".join([chunk async for chunk in reader]))

    bob.register_text_stream_handler("chat", lambda reader, _who: asyncio.ensure_future(read_text(reader)))
    bob.register_byte_stream_handler("file", lambda reader, _who: asyncio.ensure_future(read_file(reader)))
    # More than one message holds.
    text = "שלום 👋 " * 20_000
    await ann.local_participant.send_text(text, topic="chat")
    content = bytes(range(256)) * 4_000
    writer = await ann.local_participant.stream_bytes(name="f", total_size=len(content), topic="file")
    await writer.write(content)
    await writer.aclose()
    await until("text and file", lambda: texts and files)
    assert texts == [text] and files == [content]


async def test_names_metadata_and_attributes_are_told(people: People) -> None:
    bob, ann = await people.join("bob"), await people.join("ann")
    await ann.local_participant.set_name("Ann Two")
    await ann.local_participant.set_metadata("m")
    await ann.local_participant.set_attributes({"hand": "up"})
    await until(
        "all of it",
        lambda: (one := bob.remote_participants["ann"]).name == "Ann Two"
        and one.metadata == "m"
        and one.attributes.get("hand") == "up",
    )


async def test_what_is_encrypted_end_to_end_passes_untouched(people: People) -> None:
    def options() -> rtc.RoomOptions:
        keys = rtc.KeyProviderOptions(shared_key=b"a key that the relay does not have")
        return rtc.RoomOptions(encryption=rtc.E2EEOptions(key_provider_options=keys))

    bob = await people.join("bob", options())
    received = receive(bob)
    ann = await people.join("ann", options())
    async with camera(ann, rtc.VideoCodec.VP8), microphone(ann):
        await until("video and audio", lambda: {"video", "audio"} <= received.keys())
        await until("pictures", lambda: received["video"].frames >= 20)
        await until("a tone", lambda: received["audio"].peak > 6_000)


async def test_the_same_identity_again_replaces_the_first(people: People) -> None:
    reasons: list[int] = []
    first = await people.join("ann")
    first.on("disconnected", lambda reason: reasons.append(reason))
    await people.join("ann")
    await until("the first one out", lambda: reasons == [rtc.DisconnectReason.DUPLICATE_IDENTITY])
