// The two servers: their settings, their start, and tokens that both take.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const KEY = 'benchkey';
const SECRET = 'benchsecretbenchsecretbenchsecret';

const freeTcp = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const freeUdp = () => new Promise((resolve) => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1', () => {
    const { port } = socket.address();
    socket.close(() => resolve(port));
  });
});

async function start(name, program, args, port, folder) {
  const log = openSync(join(folder, `${name}.log`), 'w');
  const child = spawn(program, args, { stdio: ['ignore', log, log] });
  const ended = new Promise((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  ended.catch(() => {});
  const ready = async () => {
    for (const end = Date.now() + 20_000; Date.now() < end;) {
      try {
        if ((await fetch(`http://127.0.0.1:${port}/`)).ok) return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    throw new Error(`${name} does not answer`);
  };
  await Promise.race([ready(), ended]);
  return { name, url: `ws://127.0.0.1:${port}`, stop: () => child.kill('SIGKILL') };
}

export async function startOurs(program, folder) {
  const [port, udp, stun] = [await freeTcp(), await freeUdp(), await freeUdp()];
  const config = join(folder, 'relay.toml');
  writeFileSync(config, `listen = "127.0.0.1:${port}"
data = "${join(folder, 'relay-data')}"
[media]
udp = "127.0.0.1:${udp}"
stun = "127.0.0.1:${stun}"
[api_keys]
${KEY} = "${SECRET}"
`);
  return start('convoke', program, ['--config', config, '--log', 'info'], port, folder);
}

export async function startLivekit(program, folder) {
  const [port, tcp, udp] = [await freeTcp(), await freeTcp(), await freeUdp()];
  const config = join(folder, 'livekit.yaml');
  writeFileSync(config, `port: ${port}
bind_addresses: ["127.0.0.1"]
rtc:
  udp_port: ${udp}
  tcp_port: ${tcp}
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  interfaces: { includes: [lo] }
  stun_servers: ["127.0.0.1:3478"]
  batch_io: { batch_size: 128, max_flush_interval: 2ms }
keys: { ${KEY}: ${SECRET} }
logging: { level: warn }
`);
  return start('livekit', program, ['--config', config], port, folder);
}

const base64url = (value) => Buffer.from(value).toString('base64url');

export function token(room, identity) {
  const now = Math.floor(Date.now() / 1000);
  const video = { room, roomJoin: true, canPublish: true, canSubscribe: true };
  const claims = { iss: KEY, sub: identity, name: identity, nbf: now - 10, exp: now + 3600, video };
  const head = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}`;
  return `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`;
}
