// Whoever's network lets little through is seen and heard by our relay all the same: no UDP, or one TCP port only.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Walled } from './namespace.mjs';
import { launchChromium, until, visitor } from './platform.mjs';
import { startRelay, token } from './relay.mjs';
import { voices } from './room.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const SDK = join(root, 'web/node_modules/livekit-client/dist/livekit-client.umd.js');
const [NAME, TURN_NAME] = ['relay.test', 'turn.relay.test'];

let namespace, folder, relay, open, walled;

before(async () => {
  namespace = new Walled('86.19');
  folder = await mkdtemp(join(tmpdir(), 'convoke-relay-'));
  relay = await start(namespace.here);
  // The certificate is ours alone, and nobody but us knows the names.
  const args = ['--ignore-certificate-errors', `--host-resolver-rules=MAP *.test ${namespace.here}`];
  open = await launchChromium({ args });
  walled = await namespace.launch(args);
});
after(async () => {
  await walled?.close();
  await open?.close();
  relay?.child.kill('SIGKILL');
  await namespace?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function start(here) {
  const [chain, key] = [join(folder, 'chain.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${NAME}`,
    '-addext', `subjectAltName=DNS:${NAME},DNS:${TURN_NAME}`, '-keyout', key, '-out', chain,
  ], { stdio: 'ignore' });
  const { child, line } = await startRelay(folder, `listen = "${here}:0"
[media]
udp = "${here}:0"
stun = "${here}:0"
tcp = "${here}:0"
[tls]
listen = "${here}:0"
certificate = "${chain}"
key = "${key}"
turn_name = "${TURN_NAME}"`);
  return { child, port: Number(/ tls=\S+:(\d+)/.exec(line)[1]) };
}

/** Joins a room with camera and microphone, and shows everybody else. `rtcConfig` may name other ICE servers than the relay does. */
async function participant(browser, room, name, onePeerConnection, rtcConfig) {
  const page = await visitor(browser, { ignoreHTTPSErrors: true });
  await page.goto(`https://${NAME}:${relay.port}/`);
  await page.addScriptTag({ path: SDK });
  await page.evaluate(async ({ url, token, singlePeerConnection, rtcConfig }) => {
    const { Room, RoomEvent } = window.LivekitClient;
    const room = new Room({ singlePeerConnection });
    room.on(RoomEvent.TrackSubscribed, (track) => document.body.append(track.attach()));
    window.room = room;
    await room.connect(url, token, { rtcConfig });
    await room.localParticipant.enableCameraAndMicrophone();
  }, { url: `wss://${NAME}:${relay.port}`, token: token(room, name), singlePeerConnection: onePeerConnection, rtcConfig });
  return page;
}

const frames = (page) => page.evaluate(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0);

/** The other one's picture moves on this page, and its voice is heard. */
async function witnesses(page) {
  const first = await until('a picture', () => frames(page));
  await until('30 more frames', async () => (await frames(page)) >= first + 30);
  await until('a voice', async () => (await voices(page)).some((level) => level > 0.01));
}

/** How each connection of this page goes: `{protocol, type, relay, remote}` of the candidate pair in use. */
function ways(page) {
  return page.evaluate(async () => {
    const connections = window.keptConnections.filter((connection) => connection.connectionState === 'connected');
    return Promise.all(connections.map(async (connection) => {
      const stats = [...(await connection.getStats()).values()];
      const { selectedCandidatePairId } = stats.find(({ type }) => type === 'transport');
      const pair = stats.find(({ id }) => id === selectedCandidatePairId);
      const [local, remote] = [pair.localCandidateId, pair.remoteCandidateId].map((id) => stats.find((one) => one.id === id));
      return { protocol: local.protocol, type: local.candidateType, relay: local.relayProtocol, remote: remote.protocol };
    }));
  });
}

async function meet(room, onePeerConnection, check, rtcConfig) {
  const pages = [await participant(open, room, 'Open', onePeerConnection), await participant(walled, room, 'Walled', onePeerConnection, rtcConfig)];
  for (const page of pages) await witnesses(page);
  const used = await ways(pages[1]);
  assert.equal(used.length, onePeerConnection ? 1 : 2);
  for (const way of used) check(way);
  for (const page of pages) await page.context().close();
}

for (const onePeerConnection of [true, false]) {
  const connections = onePeerConnection ? 'one connection' : 'two connections';
  test(`without UDP, by ICE-TCP (${connections})`, async () => {
    namespace.wall('meta l4proto tcp');
    // TURN by TCP would do as well, and is as fast at times.
    const noTurn = { iceServers: [] };
    await meet(`tcp-${onePeerConnection}`, onePeerConnection, (way) => {
      assert.deepEqual([way.protocol, way.remote], ['tcp', 'tcp']);
      assert.notEqual(way.type, 'relay');
    }, noTurn);
  });

  test(`by one TCP port only, with TURN by TLS (${connections})`, async () => {
    namespace.wall(`tcp PORT ${relay.port}`);
    await meet(`tls-${onePeerConnection}`, onePeerConnection, (way) => {
      assert.deepEqual([way.type, way.relay], ['relay', 'tls']);
    });
  });
}
