// One participant. Times are milliseconds since the connect() call; `startedAt` and `seen` are wall time, so that two
// pages on one machine can be compared.
const wallClock = () => performance.timeOrigin + performance.now();

// Wall time of the first decoded frame of each participant's camera, and who waits for it.
const seen = new Map();
const waiting = new Map();

const within = (milliseconds, what, promise) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`no ${what}`)), milliseconds)),
  ]);

// Connects, publishes camera and microphone, and waits for the first decoded frame of `others` if any is named.
window.join = async ({ url, token, onePeerConnection, other, timeoutMs }) => {
  const { Room, RoomEvent } = LivekitClient;
  const room = new Room({
    singlePeerConnection: onePeerConnection,
    videoCaptureDefaults: { resolution: { width: 640, height: 360, frameRate: 30 } },
  });
  window.room = room;
  const times = {};
  const startedAt = wallClock();
  const mark = (name) => { times[name] ??= wallClock() - startedAt; };
  room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
    const element = track.attach();
    document.body.append(element);
    if (track.kind !== 'video') return;
    element.requestVideoFrameCallback(() => {
      seen.set(participant.identity, wallClock());
      if (participant.identity === other) mark('firstFrame');
      waiting.get(participant.identity)?.();
    });
  });
  room.on(RoomEvent.ParticipantDisconnected, (participant) => seen.delete(participant.identity));
  await within(timeoutMs, 'connection', room.connect(url, token));
  mark('connected');
  await within(timeoutMs, 'publication', Promise.all([
    room.localParticipant.setMicrophoneEnabled(true),
    room.localParticipant.setCameraEnabled(true),
  ]));
  mark('published');
  if (other) await within(timeoutMs, 'frame of the other', window.firstFrame(other, timeoutMs));
  return { startedAt, times };
};

// Wall time of the first decoded frame of a participant's camera.
window.firstFrame = async (identity, timeoutMs) => {
  if (!seen.has(identity)) {
    await within(timeoutMs, 'frame', new Promise((resolve) => waiting.set(identity, resolve)));
  }
  return seen.get(identity);
};

window.leave = () => window.room.disconnect();
