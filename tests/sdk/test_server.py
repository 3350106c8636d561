"""LiveKit's server SDK: rooms and participants from outside."""

import asyncio

import pytest
from conftest import People, until
from livekit import api, rtc
from media import camera, microphone, receive

pytestmark = pytest.mark.asyncio


async def test_rooms_are_made_listed_changed_and_deleted(people: People) -> None:
    async with people.server() as server:
        made = await server.room.create_room(api.CreateRoomRequest(name=people.name, metadata="m0", empty_timeout=60))
        assert (made.name, made.metadata) == (people.name, "m0")
        listed = await server.room.list_rooms(api.ListRoomsRequest(names=[people.name, "another"]))
        assert [room.sid for room in listed.rooms] == [made.sid]
        ann = await people.join("ann")
        assert ann.metadata == "m0"
        await server.room.update_room_metadata(api.UpdateRoomMetadataRequest(room=people.name, metadata="m1"))
        await until("the new metadata", lambda: ann.metadata == "m1")
        reasons: list[int] = []
        ann.on("disconnected", lambda reason: reasons.append(reason))
        await server.room.delete_room(api.DeleteRoomRequest(room=people.name))
        await until("the end", lambda: reasons == [rtc.DisconnectReason.ROOM_DELETED])
        gone = await server.room.list_participants(api.ListParticipantsRequest(room=people.name))
        assert not gone.participants
        with pytest.raises(api.TwirpError) as refused:
            await server.room.get_participant(api.RoomParticipantIdentity(room=people.name, identity="ann"))
        assert refused.value.code == "not_found"


async def test_participants_are_muted_changed_and_removed(people: People) -> None:
    bob, ann = await people.join("bob"), await people.join("ann")
    received = receive(bob)
    async with people.server() as server, microphone(ann) as sound, camera(ann, rtc.VideoCodec.VP8) as picture:
        await until("pictures", lambda: "video" in received and received["video"].frames > 5)
        listed = await server.room.list_participants(api.ListParticipantsRequest(room=people.name))
        assert sorted(one.identity for one in listed.participants) == ["ann", "bob"]
        who = api.RoomParticipantIdentity(room=people.name, identity="ann")
        info = await server.room.get_participant(who)
        assert sorted(track.sid for track in info.tracks) == sorted([sound.sid, picture.sid])

        muted: list[str] = []
        bob.on("track_muted", lambda _who, what: muted.append(what.sid))
        mute = api.MuteRoomTrackRequest(room=people.name, identity="ann", track_sid=sound.sid, muted=True)
        await server.room.mute_published_track(mute)
        await until("a mute", lambda: muted == [sound.sid])
        await until("the mute at Ann", lambda: sound.track.muted)

        await server.room.update_subscriptions(
            api.UpdateSubscriptionsRequest(room=people.name, identity="bob", track_sids=[picture.sid], subscribe=False)
        )
        await asyncio.sleep(1)
        before = received["video"].frames
        await asyncio.sleep(1)
        assert received["video"].frames == before

        messages: list[bytes] = []
        bob.on("data_received", lambda packet: messages.append(bytes(packet.data)))
        await server.room.send_data(
            api.SendDataRequest(room=people.name, data=b"hello", kind=0, destination_identities=["bob"])
        )
        await until("a message", lambda: messages == [b"hello"])

        permission = api.ParticipantPermission(can_subscribe=True, can_publish=False, can_publish_data=True)
        await server.room.update_participant(
            api.UpdateParticipantRequest(room=people.name, identity="ann", metadata="quiet", permission=permission)
        )
        await until("no tracks", lambda: not bob.remote_participants["ann"].track_publications)
        assert bob.remote_participants["ann"].metadata == "quiet"

        reasons: list[int] = []
        ann.on("disconnected", lambda reason: reasons.append(reason))
        await server.room.remove_participant(who)
        await until("Ann out", lambda: reasons == [rtc.DisconnectReason.PARTICIPANT_REMOVED])
        await until("Bob alone", lambda: not bob.remote_participants)
