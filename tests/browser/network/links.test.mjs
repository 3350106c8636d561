// What a subscriber in a real browser sees over links that lose and throttle, the same losses in every run.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchChromium, until, visitor } from '../platform.mjs';
import { startRelay, token } from '../relay.mjs';
import { Linked } from './link.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const SDK = join(root, 'web/node_modules/livekit-client/dist/livekit-client.umd.js');

/** A camera on this side of a link and who watches it on the other, as `{watcher, link}`. */
async function meeting(t, net, properties) {
  const link = await Linked.open(net, properties);
  t.after(() => link.close());
  const folder = await mkdtemp(join(tmpdir(), 'convoke-relay-'));
  const relay = await startRelay(folder, `listen = "${link.here}:0"
[media]
udp = "${link.here}:0"
stun = "${link.here}:0"
tcp = "${link.here}:0"
[operator]
listen = "127.0.0.1:0"`);
  t.after(async () => {
    relay.child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const base = `http://${/ http=(\S+)/.exec(relay.line)[1]}`;
  // The address is not of this machine alone, so browsers want to be told that its pages may use a camera.
  const args = [`--unsafely-treat-insecure-origin-as-secure=${base}`];
  const [near, far] = [await launchChromium({ args }), await link.launch(args)];
  t.after(() => Promise.all([near.close(), far.close()]));
  await participant(near, base, 'camera', true);
  const watcher = await participant(far, base, 'watcher', false);
  return { watcher, link };
}

async function participant(browser, base, identity, publishes) {
  const page = await visitor(browser);
  await page.goto(`${base}/`);
  await page.addScriptTag({ path: SDK });
  await page.evaluate(async ({ url, token, publishes }) => {
    const { Room, RoomEvent, VideoPresets } = window.LivekitClient;
    const room = new Room({ adaptiveStream: !publishes });
    room.on(RoomEvent.TrackSubscribed, (track) => {
      const element = track.attach();
      element.style.width = '640px';
      element.style.height = '360px';
      document.body.append(element);
    });
    window.room = room;
    await room.connect(url, token);
    if (publishes) {
      const options = { simulcast: true, videoEncoding: VideoPresets.h360.encoding, videoSimulcastLayers: [VideoPresets.h180] };
      await room.localParticipant.setCameraEnabled(true, { resolution: VideoPresets.h360.resolution }, options);
      await room.localParticipant.setMicrophoneEnabled(true);
    }
  }, { url: base.replace('http', 'ws'), token: token('room', identity), publishes });
  return page;
}

/** What the page has received: `{width, frames, frozen, concealed, samples}`, the time frozen in seconds. */
const received = (page) => page.evaluate(async () => {
  const reports = [];
  for (const connection of window.keptConnections) reports.push(...(await connection.getStats()).values());
  const of = (kind) => reports.find((report) => report.type === 'inbound-rtp' && report.kind === kind);
  const [video, audio] = [of('video'), of('audio')];
  return {
    width: video?.frameWidth ?? 0,
    frames: video?.framesDecoded ?? 0,
    frozen: video?.totalFreezesDuration ?? 0,
    nacks: video?.nackCount ?? 0,
    concealed: audio?.concealedSamples ?? 0,
    samples: audio?.totalSamplesReceived ?? 0,
  };
});

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('with 2 % random loss both ways the picture hardly ever freezes', async (t) => {
  const { watcher, link } = await meeting(t, '86.21', { seed: 7, down: 'loss=0.02,delay=20', up: 'loss=0.02,delay=20' });
  await until('a steady picture', async () => (await received(watcher)).frames > 60);
  const [before, lost] = [await received(watcher), link.stats.down.lost];
  // One freeze is a fifth of a second at least: long enough that one of them is not more than 1 %.
  const seconds = 40;
  await pause(seconds * 1000);
  const after = await received(watcher);
  t.diagnostic(JSON.stringify({ before, after, link: link.stats }));
  // The link did lose, and what it lost was asked for again.
  assert.ok(link.stats.down.lost > lost + 20 && after.nacks > before.nacks);
  assert.ok(after.frames - before.frames > 10 * seconds);
  assert.ok(after.frozen - before.frozen <= 0.01 * seconds, `frozen for ${after.frozen - before.frozen} s`);
});

test('behind 300 kbit/s the small layer is there within 3 s, and stays', async (t) => {
  const { watcher, link } = await meeting(t, '86.22', { seed: 7, down: 'rate=300000,queue=12000,delay=20', up: 'delay=20' });
  const begun = Date.now();
  await until('the small layer', async () => {
    const { width, frames } = await received(watcher);
    return width === 320 && frames > 0;
  }, 3_000);
  t.diagnostic(`the small layer after ${Date.now() - begun} ms`);
  // Joining itself fills the queue; from now on it fits.
  await pause(3_000);
  const before = await received(watcher);
  const seconds = 15;
  const widths = new Set();
  for (let second = 0; second < seconds; second += 1) {
    await pause(1_000);
    widths.add((await received(watcher)).width);
  }
  const after = await received(watcher);
  t.diagnostic(JSON.stringify({ before, after, link: link.stats }));
  assert.deepEqual([...widths], [320]);
  assert.ok(after.frames - before.frames > 10 * seconds, `${after.frames - before.frames} frames`);
  assert.ok(after.frozen - before.frozen <= 0.05 * seconds, `frozen for ${after.frozen - before.frozen} s`);
  assert.ok(after.concealed - before.concealed <= 0.05 * (after.samples - before.samples), 'the sound has gaps');
});
