// The servers whose links are compared: how each is started on an address of a link, and tokens that it takes.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../platform.mjs';
import { KEY, SECRET, startRelay, token } from '../relay.mjs';

const PEER = { key: 'benchkey', secret: 'benchsecretbenchsecretbenchsecret' };

/** Our relay on the near end of a link, as `{base, token, stop}`. With several media threads two who meet are with different ones. */
export async function ours(link, threads = 1) {
  const folder = await mkdtemp(join(tmpdir(), 'convoke-relay-'));
  const relay = await startRelay(folder, `listen = "${link.here}:0"
[media]
workers = ${threads}
together = 1
udp = "${link.here}:0"
stun = "${link.here}:0"
tcp = "${link.here}:0"
[operator]
listen = "127.0.0.1:0"`);
  return {
    base: `http://${/ http=(\S+)/.exec(relay.line)[1]}`,
    token,
    key: KEY,
    secret: SECRET,
    stop: () => end(relay.child, folder),
  };
}

/** LiveKit's server (`LIVEKIT_SERVER` names the program) in the same place. */
export async function livekit(link) {
  const folder = await mkdtemp(join(tmpdir(), 'convoke-livekit-'));
  const [[port, tcp], udp] = [await freeTcp(link.here), await freeUdp(link.here)];
  const config = join(folder, 'livekit.yaml');
  await writeFile(config, `port: ${port}
bind_addresses: ["${link.here}"]
rtc:
  udp_port: ${udp}
  tcp_port: ${tcp}
  node_ip: ${link.here}
  use_external_ip: false
  enable_loopback_candidate: ${link.near === 'lo'}
  interfaces: { includes: [${link.near}] }
  stun_servers: ["${link.here}:3478"]
keys: { ${PEER.key}: ${PEER.secret} }
logging: { level: ${process.env.VERBOSE ? 'info' : 'error'} }
`);
  const child = spawn(process.env.LIVEKIT_SERVER, ['--config', config], { stdio: ['ignore', 'inherit', 'inherit'] });
  const base = `http://${link.here}:${port}`;
  await until('LiveKit answers', () => fetch(base).then((answer) => answer.ok, () => false));
  return { base, token: peerToken, ...PEER, stop: () => end(child, folder) };
}

async function end(child, folder) {
  child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}

/** Two ports, held until both are known: one alone might be found twice. */
async function freeTcp(host) {
  const servers = [createServer(), createServer()];
  await Promise.all(servers.map((server) => once(server.listen(0, host), 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

const freeUdp = (host) => new Promise((resolve) => {
  const socket = createSocket('udp4').bind(0, host, () => {
    const { port } = socket.address();
    socket.close(() => resolve(port));
  });
});

const base64url = (value) => Buffer.from(value).toString('base64url');

function peerToken(room, identity) {
  const now = Math.floor(Date.now() / 1000);
  const video = { room, roomJoin: true, canPublish: true, canSubscribe: true };
  const claims = { iss: PEER.key, sub: identity, name: identity, nbf: now - 10, exp: now + 3600, video };
  const head = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}`;
  return `${head}.${createHmac('sha256', PEER.secret).update(head).digest('base64url')}`;
}
