// VP9 and AV1 as livekit-client publishes them in Chromium, all layers in one stream (its default) or in simulcast: another page sees the
// picture, the small one where it asks for that, and so does one that comes later; a browser without the codec gets the backup codec.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ours } from '../network/servers.mjs';
import { launchChromium, until, visitor } from '../platform.mjs';

const SDK = join(dirname(fileURLToPath(import.meta.url)), '../../../web/node_modules/livekit-client/dist/livekit-client.umd.js');

let relay, chromium;

before(async () => {
  relay = await ours({ here: '127.0.0.1' }, 2);
  chromium = await launchChromium();
});
after(async () => {
  await chromium?.close();
  await relay?.stop();
});

/** A page that has joined; `without` is a codec that its browser shall not know. */
async function enter(t, room, identity, options, without) {
  const page = await visitor(chromium);
  t.after(() => page.context().close());
  await page.goto(`${relay.base}/`);
  await page.evaluate((codec) => {
    const original = RTCPeerConnection.prototype.createAnswer;
    RTCPeerConnection.prototype.createAnswer = function (...parameters) {
      // What a browser does by itself with a section that offers only what it does not know: it refuses it.
      for (const section of codec ? this.remoteDescription.sdp.split(/^m=/m) : []) {
        if (!section.includes(` ${codec}/90000`)) continue;
        const mid = /^a=mid:(\S+)/m.exec(section)[1];
        this.getTransceivers().find((transceiver) => transceiver.mid === mid)?.stop();
      }
      return original.apply(this, parameters);
    };
  }, without);
  await page.addScriptTag({ path: SDK });
  await page.evaluate(async ({ url, token, options }) => {
    const { Room, RoomEvent } = window.LivekitClient;
    const room = new Room(options);
    Object.assign(window, { room });
    room.on(RoomEvent.TrackSubscribed, (track, publication) => {
      Object.assign(window, { track, publication });
      document.body.append(Object.assign(track.attach(), { muted: true }));
    });
    await room.connect(url, token);
  }, { url: relay.base.replace('http', 'ws'), token: relay.token(room, identity), options });
  return page;
}

const publish = (page, options) => page.evaluate(async (options) => {
  await window.room.localParticipant.setCameraEnabled(true, { resolution: { width: 960, height: 540, frameRate: 15 } }, options);
}, options);

/** What a page receives of the other's picture, by its browser's own count. */
const seen = (page) => page.evaluate(async () => {
  const report = await window.track?.getRTCStatsReport();
  const all = [...(report?.values() ?? [])];
  const inbound = all.find((entry) => entry.type === 'inbound-rtp');
  if (!inbound) return {};
  const codec = all.find((entry) => entry.id === inbound.codecId)?.mimeType;
  return { codec, width: inbound.frameWidth, decoded: inbound.framesDecoded, lost: inbound.packetsLost, nacks: inbound.nackCount, freezes: inbound.freezeCount };
});

async function sees(page, what, condition) {
  let now;
  try {
    await until(what, async () => condition(now = await seen(page)));
  } catch (error) {
    throw new Error(`${error.message}: ${JSON.stringify(now)}`);
  }
  return now;
}

/** The picture goes on, at a steady pace and without anything missed. */
async function goesOn(page, what) {
  const before = await seen(page);
  const later = await sees(page, what, ({ decoded }) => decoded >= before.decoded + 20);
  assert.equal(later.lost, 0, what);
}

const quality = (page, name) => page.evaluate((name) => window.publication.setVideoQuality(window.LivekitClient.VideoQuality[name]), name);

for (const codec of ['vp9', 'av1']) {
  for (const [mode, options] of [['layers in one stream', {}], ['simulcast', { scalabilityMode: 'L1T3' }]]) {
    for (const single of [true, false]) {
      test(`${codec}, ${mode}, ${single ? 'one connection' : 'two connections'}`, async (t) => {
        const room = `${codec}-${mode.length}-${single}`;
        const settings = { singlePeerConnection: single, dynacast: false };
        const ann = await enter(t, room, 'ann', settings);
        const bob = await enter(t, room, 'bob', settings);
        await publish(ann, { videoCodec: codec, ...options });
        const first = await sees(bob, 'the whole picture', ({ width, decoded }) => width === 960 && decoded > 20);
        assert.equal(first.codec.toLowerCase(), `video/${codec}`);
        await goesOn(bob, 'at first');

        await quality(bob, 'LOW');
        await sees(bob, 'a small picture', ({ width }) => width <= 320);
        await goesOn(bob, 'small');
        await quality(bob, 'MEDIUM');
        await sees(bob, 'a middling picture', ({ width }) => width > 320 && width < 960);
        await quality(bob, 'HIGH');
        await sees(bob, 'the whole picture again', ({ width }) => width === 960);
        await goesOn(bob, 'large again');

        const eve = await enter(t, room, 'eve', settings);
        await sees(eve, 'who comes late', ({ decoded }) => decoded > 0);
        await goesOn(eve, 'late');
      });
    }
  }

  test(`a browser without ${codec} gets the backup codec`, async (t) => {
    const room = `backup-${codec}`;
    const settings = { singlePeerConnection: false };
    const ann = await enter(t, room, 'ann', settings);
    const bob = await enter(t, room, 'bob', settings);
    const eve = await enter(t, room, 'eve', settings, codec.toUpperCase());
    await publish(ann, { videoCodec: codec, backupCodec: { codec: 'vp8' } });
    const plain = await sees(bob, 'who knows it', ({ decoded }) => decoded > 20);
    assert.equal(plain.codec.toLowerCase(), `video/${codec}`);
    const backup = await sees(eve, 'who does not know it', ({ decoded }) => decoded > 20);
    assert.equal(backup.codec, 'video/VP8');
    await goesOn(bob, 'who knows it, after that');
  });
}
