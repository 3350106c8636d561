// livekit-client as it is published, its current release and two older ones, in Chromium and Firefox and in both connection modes: two people
// join, see and hear each other, exchange data, lose the signalling, connect anew, and leave.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import { ours } from '../network/servers.mjs';
import { launchChromium, until, visitor } from '../platform.mjs';
import { patchConnections } from '../witness.mjs';
import { received } from './received.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const PACKAGES = [
  join(here, '..', '..', '..', 'web/node_modules/livekit-client'),
  join(here, '..', 'node_modules/livekit-client-2.18'),
  join(here, '..', 'node_modules/livekit-client-2.15'),
];

let relay, chromium, firefox;

before(async () => {
  relay = await ours({ here: '127.0.0.1' }, 2);
  chromium = await launchChromium();
  firefox = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    protocolTimeout: 30_000,
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      'media.autoplay.blocking_policy': 0,
      'media.peerconnection.ice.loopback': true,
      'media.gmp-manager.updateEnabled': false,
    },
  });
});
after(async () => {
  await Promise.allSettled([chromium?.close(), firefox?.close()]);
  await relay?.stop();
});

const browsers = {
  Chromium: () => visitor(chromium),
  async Firefox() {
    const context = await firefox.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    await page.evaluateOnNewDocument(patchConnections);
    page.context = () => ({ close: () => context.close() });
    return page;
  },
};

/** A page that has joined, publishes its camera and microphone, and shows and plays the others. */
async function participant(open, sdk, room, identity, singlePeerConnection) {
  const page = await open();
  await page.goto(`${relay.base}/`);
  await page.addScriptTag({ path: join(sdk, 'dist/livekit-client.umd.js') });
  await page.evaluate(async ({ url, token, singlePeerConnection }) => {
    const { Room, RoomEvent, VideoPresets } = window.LivekitClient;
    const room = new Room({ singlePeerConnection });
    const said = [];
    Object.assign(window, { room, said });
    room.on(RoomEvent.TrackSubscribed, (track) => document.body.append(Object.assign(track.attach(), { id: track.sid })));
    room.on(RoomEvent.TrackUnsubscribed, (track) => document.getElementById(track.sid).remove());
    for (const event of ['Reconnected', 'SignalReconnecting', 'Reconnecting', 'Disconnected']) room.on(RoomEvent[event], () => said.push(event));
    room.on(RoomEvent.DataReceived, (bytes, from) => said.push(`${from.identity}: ${new TextDecoder().decode(bytes)}`));
    room.registerTextStreamHandler('notes', async (reader, from) => said.push(`${from.identity} notes ${await reader.readAll()}`));
    room.registerRpcMethod('greet', async ({ callerIdentity, payload }) => `${payload}, ${callerIdentity}`);
    await room.connect(url, token);
    await room.localParticipant.setCameraEnabled(true, { resolution: VideoPresets.h360.resolution });
    await room.localParticipant.setMicrophoneEnabled(true);
  }, { url: relay.base.replace('http', 'ws'), token: relay.token(room, identity), singlePeerConnection });
  return page;
}

const said = (page) => page.evaluate(() => window.said);

/** The other's picture goes on, and its voice is heard. */
async function witnesses(page, who) {
  const before = await received(page);
  await until(`${who} sees and hears`, async () => {
    const { pictures, energy } = await received(page);
    return pictures >= before.pictures + 15 && energy > before.energy + 1e-5;
  });
}

for (const [browser, open] of Object.entries(browsers)) {
  for (const sdk of PACKAGES) {
    const { version } = JSON.parse(await readFile(join(sdk, 'package.json'), 'utf8'));
    for (const single of [true, false]) {
      test(`livekit-client ${version}, ${browser}, ${single ? 'one connection' : 'two connections'}`, async (t) => {
        const room = `${browser}-${version}-${single}`;
        const ann = await participant(open, sdk, room, 'ann', single);
        t.after(() => ann.context().close());
        const bob = await participant(open, sdk, room, 'bob', single);
        t.after(() => bob.context().close());
        await Promise.all([witnesses(ann, 'Ann'), witnesses(bob, 'Bob')]);

        await ann.evaluate(async () => {
          const bytes = (text) => new TextEncoder().encode(text);
          await window.room.localParticipant.publishData(bytes('surely'), { reliable: true });
          await window.room.localParticipant.publishData(bytes('perhaps'), { reliable: false });
          await window.room.localParticipant.sendText('a note', { topic: 'notes' });
        });
        await until('Bob has all three', async () => (await said(bob)).length >= 3);
        assert.deepEqual((await said(bob)).toSorted(), ['ann notes a note', 'ann: perhaps', 'ann: surely']);
        const greeted = await bob.evaluate(() => window.room.localParticipant.performRpc({ destinationIdentity: 'ann', method: 'greet', payload: 'Hello' }));
        assert.equal(greeted, 'Hello, bob');

        for (const scenario of ['signal-reconnect', 'full-reconnect']) {
          await bob.evaluate((name) => {
            window.said.length = 0;
            return window.room.simulateScenario(name);
          }, scenario);
          await until(`Bob is back after ${scenario}`, async () => (await said(bob)).includes('Reconnected'));
          await Promise.all([witnesses(ann, 'Ann'), witnesses(bob, 'Bob')]);
        }

        await bob.evaluate(() => window.room.disconnect());
        await until('Ann is alone', () => ann.evaluate(() => window.room.remoteParticipants.size === 0 && !document.querySelector('video')));
      });
    }
  }
}
