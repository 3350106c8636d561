// What a session makes of what the library and the relay tell. The library's room is replaced.
import { EventEmitter } from 'node:events';
import { ConnectionError, DisconnectReason, RoomEvent, TrackEvent } from 'livekit-client';
import { beforeEach, expect, test, vi } from 'vitest';
import { parseAdmission } from '../join';
import { admission } from '../meeting.fixture';
import { Roster } from '../roster';
import { ASK_UNMUTE } from '../rules';
import type { SessionOptions } from '../session';
import { openSession } from './session';

const rooms = vi.hoisted(() => [] as unknown[]);

vi.mock('livekit-client', async (original) => ({
  ...(await original<typeof import('livekit-client')>()),
  // Called with `new`: what it answers is the room.
  Room: vi.fn(function () {
    return rooms.at(-1);
  }),
}));

const ALLOWED = { canSubscribe: true, canPublish: true, canPublishSources: [] as number[] };
const NOTHING = { canSubscribe: false, canPublish: false, canPublishSources: [] as number[] };

class Participant {
  attributes: Record<string, string> = {};
  permissions = ALLOWED;
  isMicrophoneEnabled = false;
  isCameraEnabled = false;
  readonly isScreenShareEnabled = false;
  readonly joinedAt = new Date(0);
  readonly getTrackPublication = () => undefined;
  readonly audioTrackPublications = new Map();

  constructor(
    readonly identity: string,
    readonly name: string,
    readonly isLocal: boolean,
  ) {}

  readonly setMicrophoneEnabled = vi.fn((on: boolean) => {
    this.isMicrophoneEnabled = on;
    return Promise.resolve();
  });

  readonly setCameraEnabled = vi.fn((on: boolean) => {
    this.isCameraEnabled = on;
    return Promise.resolve();
  });
}

class RoomDouble extends EventEmitter {
  readonly localParticipant = new Participant('p1', 'Ann', true);
  readonly remoteParticipants = new Map<string, Participant>();
  /** Of the connection's transport. */
  ice = 'connected';
  readonly engine = { pcManager: { publisher: { getICEConnectionState: () => this.ice } } };
  readonly metadata = undefined;
  readonly canPlaybackAudio = true;
  readonly connect = vi.fn(() => Promise.resolve());
  readonly switchActiveDevice = vi.fn(() => Promise.resolve());
  readonly disconnect = vi.fn(() => {
    this.emit(RoomEvent.Disconnected, DisconnectReason.CLIENT_INITIATED);
    return Promise.resolve();
  });

  /** The relay holds us at the door, as after a restart, or lets us in. */
  hold(waiting: boolean): void {
    const me = this.localParticipant;
    me.attributes = waiting ? { waiting: 'true' } : {};
    me.permissions = waiting ? NOTHING : ALLOWED;
    this.emit(RoomEvent.ParticipantAttributesChanged, {}, me);
    this.emit(RoomEvent.ParticipantPermissionsChanged, undefined, me);
  }
}

beforeEach(() => vi.stubGlobal('document', { body: {} }));

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** A session that has come to its relay, to the door or past it. */
async function open(
  options: { waits?: boolean; failures?: Error[] } & Partial<SessionOptions> = {},
) {
  const room = new RoomDouble();
  for (const failure of options.failures ?? []) room.connect.mockRejectedValueOnce(failure);
  rooms.push(room);
  if (options.waits) {
    room.localParticipant.attributes = { waiting: 'true' };
    room.localParticipant.permissions = NOTHING;
  }
  const admitted = parseAdmission(admission('t1'));
  if (!admitted?.relays[0]) throw new Error('the fixture is no admission');
  const roster = new Roster(() => 0);
  const ended = vi.fn();
  const askedToUnmute = vi.fn();
  const session = await openSession({
    admission: admitted,
    relay: admitted.relays[0],
    tries: [400],
    roster,
    observer: false,
    lines: 720,
    takeMic: () => Promise.resolve(null),
    takeCamera: () => Promise.resolve(null),
    wantMic: true,
    wantCamera: false,
    devices: { mic: 'm1', camera: 'c1', speaker: null },
    volume: 1,
    returning: false,
    ended,
    deviceFailed: (_name, error) => expect.unreachable(String(error)),
    mutedByOther: () => undefined,
    askedToUnmute,
    ...options,
  });
  await settled();
  return { room, me: room.localParticipant, session, roster, ended, askedToUnmute };
}

test('who is sent back to the waiting room starts anew, and leaves no device running', async () => {
  const { room, me, session, roster, ended } = await open();
  expect(me.setMicrophoneEnabled).toHaveBeenCalledWith(true, { deviceId: 'm1' });
  expect(session.micOn.value).toBe(true);
  await session.setMic(false, null);
  const camera = Object.assign(new EventEmitter(), { stop: vi.fn() });
  room.emit(RoomEvent.LocalTrackPublished, { track: camera }, me);
  room.hold(true);
  expect(ended.mock.calls).toEqual([['connection_lost']]);
  expect(session.waiting.value).toBe(false);
  expect(session.micOn.value).toBe(false);
  await settled();
  expect(room.disconnect).toHaveBeenCalledOnce();
  expect(camera.stop).toHaveBeenCalledOnce();
  // The library has opened it once more, to publish it again.
  camera.emit(TrackEvent.Restarted);
  expect(camera.stop).toHaveBeenCalledTimes(2);
  // What the old connection still says changes nothing.
  me.setMicrophoneEnabled.mockClear();
  room.remoteParticipants.set('p2', new Participant('p2', 'Bob', false));
  room.hold(false);
  room.emit(RoomEvent.Reconnected);
  await settled();
  expect(roster.people.value.map(({ number }) => number)).toEqual([1]);
  expect(me.setMicrophoneEnabled).not.toHaveBeenCalled();
  expect(ended).toHaveBeenCalledOnce();
});

test('at the door nobody is in the room, and devices are as they will be inside', async () => {
  const { room, me, session, roster, ended } = await open({ waits: true });
  expect(session.waiting.value).toBe(true);
  expect(roster.people.value).toEqual([]);
  expect([session.micOn.value, session.cameraOn.value]).toEqual([true, false]);
  await session.setMic(false, null);
  await session.setCamera(true, null);
  await session.switchDevice('videoinput', 'c2');
  expect([session.micOn.value, session.cameraOn.value]).toEqual([false, true]);
  expect(me.setMicrophoneEnabled).not.toHaveBeenCalled();
  expect(me.setCameraEnabled).not.toHaveBeenCalled();
  room.hold(false);
  await settled();
  expect(session.waiting.value).toBe(false);
  expect(me.setMicrophoneEnabled).not.toHaveBeenCalled();
  expect(me.setCameraEnabled).toHaveBeenCalledWith(true, { deviceId: 'c2' });
  expect([session.micOn.value, session.cameraOn.value]).toEqual([false, true]);
  expect(roster.people.value.map(({ number }) => number)).toEqual([1]);
  expect(ended).not.toHaveBeenCalled();
});

test('a device that is switched off at the door is closed there', async () => {
  const stop = vi.fn();
  const track = { stop } as unknown as MediaStreamTrack;
  const { session } = await open({ waits: true, takeMic: () => Promise.resolve(track) });
  await session.setMic(false, null);
  await settled();
  expect(stop).toHaveBeenCalledOnce();
});

test('a person told of as waiting is not in the room any more', async () => {
  const { room, roster } = await open();
  const bob = new Participant('p2', 'Bob', false);
  room.remoteParticipants.set('p2', bob);
  room.emit(RoomEvent.ParticipantConnected, bob);
  expect(roster.people.value.map(({ number }) => number)).toEqual([1, 2]);
  bob.attributes = { waiting: 'true' };
  room.emit(RoomEvent.ParticipantAttributesChanged, {}, bob);
  expect(roster.people.value.map(({ number }) => number)).toEqual([1]);
  expect(roster.waiting.value.map(({ number }) => number)).toEqual([2]);
});

test('only the relay itself asks to unmute', async () => {
  const { room, askedToUnmute } = await open();
  const payload = new TextEncoder().encode('{"by":7}');
  // From somebody the library does not know, as who waits or has just gone.
  room.emit(RoomEvent.DataReceived, payload, undefined, 0, ASK_UNMUTE, 0, 'p9');
  room.emit(RoomEvent.DataReceived, payload, undefined, 0, 'other', 0, '');
  expect(askedToUnmute).not.toHaveBeenCalled();
  room.emit(RoomEvent.DataReceived, payload, undefined, 0, ASK_UNMUTE, 0, '');
  expect(askedToUnmute.mock.calls).toEqual([[7]]);
});

test('a relay that refuses is not asked again', async () => {
  const refused = ConnectionError.notAllowed('could not establish: full', 403);
  await expect(open({ failures: [refused] })).rejects.toThrow('the relay refused: full');
  const silent = ConnectionError.timeout('no answer');
  await expect(open({ failures: [silent] })).rejects.toThrow('no answer');
});

test('what the library does not tell after a restart is found', async () => {
  vi.useFakeTimers();
  const opening = open();
  await vi.advanceTimersByTimeAsync(10);
  const { room, roster, session } = await opening;
  const before = vi.getTimerCount();
  room.emit(RoomEvent.Reconnected);
  const bob = new Participant('p2', 'Bob', false);
  room.remoteParticipants.set('p2', bob);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(roster.find('p2')?.micOn.value).toBe(false);
  bob.isMicrophoneEnabled = true;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(roster.find('p2')?.micOn.value).toBe(true);
  // And not for ever.
  await vi.advanceTimersByTimeAsync(2_000);
  expect(vi.getTimerCount()).toBe(before);
  await session.leave();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test('a relay of which nothing is heard any more is noticed at once', async () => {
  vi.useFakeTimers();
  const opening = open();
  await vi.advanceTimersByTimeAsync(10);
  const { room, session } = await opening;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(session.silent.value).toBe(false);
  room.ice = 'disconnected';
  await vi.advanceTimersByTimeAsync(1_000);
  expect(session.silent.value).toBe(true);
  room.ice = 'connected';
  await vi.advanceTimersByTimeAsync(1_000);
  expect(session.silent.value).toBe(false);
  vi.useRealTimers();
});
