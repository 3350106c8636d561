// LiveKit's native SDK for Node (libwebrtc inside) and its server SDK, against a relay that stands alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  AudioFrame, AudioSource, AudioStream, DisconnectReason, LocalAudioTrack, LocalVideoTrack, Room, RoomEvent, SimulateScenarioKind, TrackKind,
  TrackPublishOptions, TrackSource, VideoBufferType, VideoCodec, VideoFrame, VideoSource, VideoStream, dispose,
} from '@livekit/rtc-node';
import { RoomServiceClient, TwirpError } from 'livekit-server-sdk';
import { ours } from '../network/servers.mjs';
import { until } from '../platform.mjs';

const [WIDTH, HEIGHT] = [640, 360];
let relay;

before(async () => {
  relay = await ours({ here: '127.0.0.1' }, 2);
});
after(async () => {
  await dispose();
  await relay?.stop();
});

/** A session, and what it gets: pictures and their size, the loudest sample, messages. It leaves when the test ends. */
async function enter(t, name, identity) {
  const room = new Room();
  const got = { pictures: 0, width: 0, peak: 0, said: [] };
  room.on(RoomEvent.TrackSubscribed, (track) => void (track.kind === TrackKind.KIND_VIDEO ? watch(track, got) : hear(track, got)));
  room.on(RoomEvent.DataReceived, (bytes, from) => got.said.push(`${from?.identity}: ${new TextDecoder().decode(bytes)}`));
  for (const event of [RoomEvent.Reconnecting, RoomEvent.Reconnected]) room.on(event, () => got.said.push(event));
  room.on(RoomEvent.Disconnected, (reason) => got.said.push(reason));
  await room.connect(relay.base.replace('http', 'ws'), relay.token(name, identity), { autoSubscribe: true, dynacast: true });
  t.after(() => room.disconnect());
  return { room, got };
}

async function watch(track, got) {
  for await (const { frame } of new VideoStream(track)) {
    got.pictures += 1;
    got.width = frame.width;
  }
}

async function hear(track, got) {
  for await (const frame of new AudioStream(track, 48_000, 1)) {
    for (const sample of frame.data) got.peak = Math.max(got.peak, Math.abs(sample));
  }
}

/** Publishes a picture that changes and a tone of 440 Hz until the test ends; answers their publications. */
async function publish(t, room, codec) {
  const [pictures, sound] = [new VideoSource(WIDTH, HEIGHT), new AudioSource(48_000, 1)];
  const options = (source, more = {}) => new TrackPublishOptions({ source, ...more });
  const camera = LocalVideoTrack.createVideoTrack('camera', pictures);
  const microphone = LocalAudioTrack.createAudioTrack('microphone', sound);
  const published = [
    await room.localParticipant.publishTrack(camera, options(TrackSource.SOURCE_CAMERA, { videoCodec: codec, simulcast: true })),
    await room.localParticipant.publishTrack(microphone, options(TrackSource.SOURCE_MICROPHONE)),
  ];
  let number = 0;
  const filming = setInterval(() => {
    const bytes = new Uint8Array(WIDTH * HEIGHT * 4).fill((number * 5) % 255);
    for (let row = 0; row < HEIGHT; row += 1) bytes.fill(255, (row * WIDTH + ((number * 8) % (WIDTH - 40))) * 4, (row * WIDTH + ((number * 8) % (WIDTH - 40)) + 40) * 4);
    pictures.captureFrame(new VideoFrame(bytes, WIDTH, HEIGHT, VideoBufferType.RGBA));
    number += 1;
  }, 50);
  let going = true;
  const humming = (async () => {
    for (let start = 0; going; start += 480) {
      const samples = Int16Array.from({ length: 480 }, (_, n) => Math.sin(((start + n) * 2 * Math.PI * 440) / 48_000) * 12_000);
      await sound.captureFrame(new AudioFrame(samples, 48_000, 1, 480));
    }
  })();
  t.after(async () => {
    clearInterval(filming);
    going = false;
    await humming;
  });
  return published;
}

/** Pictures go on coming, and there is a tone. */
async function witnesses({ got }) {
  const before = got.pictures;
  got.peak = 0;
  await until('pictures', () => got.pictures > before + 10);
  await until('a tone', () => got.peak > 5_000);
}

for (const [name, codec] of Object.entries({ VP8: VideoCodec.VP8, 'H.264': VideoCodec.H264 })) {
  test(`two sessions see and hear each other in ${name}, exchange data, and come back`, async (t) => {
    const [ann, bob] = [await enter(t, `native-${name}`, 'ann'), await enter(t, `native-${name}`, 'bob')];
    ann.room.localParticipant.registerRpcMethod('greet', async ({ callerIdentity, payload }) => `${payload}, ${callerIdentity}`);
    bob.room.registerTextStreamHandler('notes', async (reader, from) => bob.got.said.push(`${from.identity} notes ${await reader.readAll()}`));
    await publish(t, ann.room, codec);
    await publish(t, bob.room, codec);
    await Promise.all([witnesses(ann), witnesses(bob)]);
    // The whole picture, once the estimate has room for it.
    await until('the high layer', () => bob.got.width === WIDTH);

    const bytes = (text) => new TextEncoder().encode(text);
    await ann.room.localParticipant.publishData(bytes('surely'), { reliable: true });
    await ann.room.localParticipant.publishData(bytes('perhaps'), { reliable: false });
    await ann.room.localParticipant.sendText('a note', { topic: 'notes' });
    await until('all three', () => bob.got.said.length >= 3);
    assert.deepEqual(bob.got.said.toSorted(), ['ann notes a note', 'ann: perhaps', 'ann: surely']);
    const greeted = await bob.room.localParticipant.performRpc({ destinationIdentity: 'ann', method: 'greet', payload: 'Hello' });
    assert.equal(greeted, 'Hello, bob');

    for (const kind of [SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT, SimulateScenarioKind.SIMULATE_FULL_RECONNECT]) {
      bob.got.said.length = 0;
      await bob.room.simulateScenario(kind);
      await until('Bob is back', () => bob.got.said.includes(RoomEvent.Reconnected));
      await Promise.all([witnesses(ann), witnesses(bob)]);
    }
  });
}

test('the server SDK makes, lists and changes rooms and participants', async (t) => {
  const service = new RoomServiceClient(relay.base, relay.key, relay.secret);
  const name = 'served';
  const made = await service.createRoom({ name, metadata: 'm0', emptyTimeout: 60 });
  assert.deepEqual([made.name, made.metadata], [name, 'm0']);
  assert.deepEqual((await service.listRooms([name, 'another'])).map((room) => room.sid), [made.sid]);
  const [ann, bob] = [await enter(t, name, 'ann'), await enter(t, name, 'bob')];
  const [camera, microphone] = await publish(t, ann.room, VideoCodec.VP8);
  await witnesses(bob);
  assert.deepEqual((await service.listParticipants(name)).map(({ identity }) => identity).toSorted(), ['ann', 'bob']);
  const { tracks } = await service.getParticipant(name, 'ann');
  assert.deepEqual(tracks.map(({ sid }) => sid).toSorted(), [camera.sid, microphone.sid].toSorted());

  await service.updateRoomMetadata(name, 'm1');
  await until('the room’s metadata', () => bob.room.metadata === 'm1');
  const muted = [];
  bob.room.on(RoomEvent.TrackMuted, ({ sid }) => muted.push(sid));
  await service.mutePublishedTrack(name, 'ann', microphone.sid, true);
  await until('a mute', () => muted.includes(microphone.sid));
  await service.updateSubscriptions(name, 'bob', [camera.sid], false);
  await until('no more pictures', async () => {
    const { pictures } = bob.got;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return bob.got.pictures === pictures;
  });
  await service.sendData(name, new TextEncoder().encode('hello'), 0, { destinationIdentities: ['bob'] });
  await until('a message', () => bob.got.said.some((message) => String(message).endsWith(': hello')));
  await service.updateParticipant(name, 'ann', { metadata: 'quiet', permission: { canSubscribe: true, canPublish: false, canPublishData: true } });
  await until('no tracks', () => bob.room.remoteParticipants.get('ann').trackPublications.size === 0);
  assert.equal(bob.room.remoteParticipants.get('ann').metadata, 'quiet');
  await service.removeParticipant(name, 'ann');
  await until('Ann out', () => ann.got.said.includes(DisconnectReason.PARTICIPANT_REMOVED));
  await service.deleteRoom(name);
  await until('Bob out', () => bob.got.said.includes(DisconnectReason.ROOM_DELETED));
  assert.deepEqual(await service.listRooms([name]), []);

  const stranger = new RoomServiceClient(relay.base, relay.key, `${relay.secret}!`);
  await assert.rejects(stranger.listRooms(), (error) => error instanceof TwirpError && error.status === 401);
});
