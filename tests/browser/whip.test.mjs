// A page that knows nothing but WebRTC and HTTP publishes into a room by WHIP and watches one by WHEP; others use the SDK.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchChromium, partnerSite, until, visitor } from './platform.mjs';
import { ours } from './network/servers.mjs';
import { voices } from './room.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const SDK = join(root, 'web/node_modules/livekit-client/dist/livekit-client.umd.js');

let relay, browser, site;

before(async () => {
  relay = await ours({ here: '127.0.0.1' });
  // A page of another origin than the relay's.
  site = await partnerSite(() => '<!doctype html><meta charset="utf-8"><title>Plain</title>');
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  site?.close();
  await relay?.stop();
});

/** A page with a plain peer connection that begins a session; it keeps both. Answers what HTTP said. */
async function session(room, path, identity, publishes) {
  const page = await visitor(browser);
  await page.goto(site.url);
  const answered = await page.evaluate(async ({ url, token, publishes }) => {
    const connection = new RTCPeerConnection();
    if (publishes) {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
      for (const track of stream.getTracks()) connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    } else {
      // As players do: the picture's stream is all there is.
      connection.addEventListener('track', ({ track, streams }) => {
        if (track.kind !== 'video') return;
        const element = document.createElement('video');
        [element.srcObject] = streams;
        element.autoplay = true;
        document.body.append(element);
      });
      for (const kind of ['audio', 'video']) connection.addTransceiver(kind, { direction: 'recvonly' });
    }
    await connection.setLocalDescription();
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' };
    const response = await fetch(url, { method: 'POST', headers, body: connection.localDescription.sdp });
    const text = await response.text();
    if (response.status === 201) await connection.setRemoteDescription({ type: 'answer', sdp: text });
    const location = response.headers.get('location');
    window.session = { connection, location: location && new URL(location, url).href, token };
    return { status: response.status, location, etag: response.headers.get('etag'), link: response.headers.get('link') };
  }, { url: `${relay.base}${path}`, token: relay.token(room, identity), publishes });
  return { page, ...answered };
}

/** Ends a page's session as WHIP has it. */
const end = ({ page }) => page.evaluate(async () => {
  const { location, token, connection } = window.session;
  const response = await fetch(location, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } });
  connection.close();
  return response.status;
});

/** Joins by the SDK and shows everybody; publishes if asked to. */
async function participant(room, identity, publishes = false) {
  const page = await visitor(browser);
  await page.goto(`${relay.base}/`);
  await page.addScriptTag({ path: SDK });
  await page.evaluate(async ({ url, token, publishes }) => {
    const { Room, RoomEvent } = window.LivekitClient;
    const room = new Room();
    room.on(RoomEvent.TrackSubscribed, (track) => document.body.append(track.attach()));
    window.room = room;
    await room.connect(url, token);
    if (publishes) await room.localParticipant.enableCameraAndMicrophone();
  }, { url: relay.base.replace('http', 'ws'), token: relay.token(room, identity), publishes });
  return page;
}

const frames = (page) => page.evaluate(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0);

/** A picture moves on this page, and a voice is heard. */
async function witnesses(page) {
  const first = await until('a picture', () => frames(page));
  await until('30 more frames', async () => (await frames(page)) >= first + 30);
  await until('a voice', async () => (await voices(page)).some((level) => level > 0.01));
}

/** Everybody else has left, as this page sees it. */
const gone = (page) => until('the others are gone', () => page.evaluate(() => window.room.remoteParticipants.size === 0));

test('what a page publishes by WHIP is seen and heard by the SDK and by WHEP, until it ends', async () => {
  const guest = await participant('plain', 'guest');
  const publisher = await session('plain', '/whip', 'encoder', true);
  assert.equal(publisher.status, 201);
  assert.match(publisher.location, /^\/whip\/[0-9a-f]{32}$/);
  assert.match(publisher.etag, /^".+"$/);
  assert.match(publisher.link, /<stun:[^>]+>; rel="ice-server"/);
  await witnesses(guest);
  const player = await session('plain', '/whep', 'player', false);
  assert.equal(player.status, 201);
  await witnesses(player.page);

  assert.equal(await end(publisher), 200);
  // The encoder, and with it the player, which has nobody left to watch.
  await gone(guest);
  for (const page of [guest, publisher.page, player.page]) await page.context().close();
});

test('what the SDK publishes, with layers, is watched by WHEP', async () => {
  assert.equal((await session('layers', '/whep', 'early', false)).status, 404);
  const host = await participant('layers', 'host', true);
  const player = await until('somebody to watch', async () => {
    const begun = await session('layers', '/whep?publisher=host', 'player', false);
    return begun.status === 201 && begun;
  });
  await witnesses(player.page);
  assert.equal(await end(player), 200);
  await gone(host);
  for (const page of [host, player.page]) await page.context().close();
});
