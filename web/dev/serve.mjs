// For developing the pages without the platform: serves dist/ and answers /conf/join with a token for
// a LiveKit server. Usage: node dev/serve.mjs --port 5180 --relay http://127.0.0.1:7880
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '5180' },
    relay: { type: 'string', default: 'http://127.0.0.1:7880' },
    key: { type: 'string', default: 'devkey' },
    secret: { type: 'string', default: 'devsecretdevsecretdevsecretdevsecret' },
  },
});

const TYPES = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
  "media-src 'self' blob:; connect-src *; form-action 'self'; base-uri 'none'";
const tenant = { company: 'Northwind', product_name: 'Convoke', primary_color: null };
let participants = 0;

const base64url = (value) => Buffer.from(value).toString('base64url');

function token(identity, name, room, attributes) {
  const now = Math.floor(Date.now() / 1000);
  const video = {
    room,
    roomJoin: true,
    canPublish: true,
    canSubscribe: true,
    canPublishData: true,
  };
  const claims = {
    iss: values.key,
    sub: identity,
    name,
    attributes,
    nbf: now - 10,
    exp: now + 3600,
    video,
  };
  const head = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}`;
  return `${head}.${createHmac('sha256', values.secret).update(head).digest('base64url')}`;
}

// Codes by their first digit: 2 is not found, 3 too early, 4 wants the PIN 1234, 5 is full, 6 waits
// for its host, 7 has ended; all others are open.
function conference(code) {
  const state = { 2: 'not_found', 3: 'not_started', 7: 'ended' }[code[0]] ?? 'open';
  const starts = new Date(Date.now() + 87 * 60_000).toISOString();
  return {
    state,
    subject: state === 'not_found' ? null : 'Product weekly',
    host_name: 'Ada Okafor',
    starts_at: state === 'not_started' ? starts : null,
    pin_required: code[0] === '4',
  };
}

function joinAnswer(request) {
  const first = request.code[0];
  const refuse = (status, reason) => [status, { code: 'forbidden', message: reason, reason }];
  if (first === '4' && request.pin !== '1234') return refuse(403, 'wrong_pin');
  if (first === '5') return refuse(403, 'full');
  if (first === '6' && !request.moderator_token) return refuse(403, 'not_started');
  participants += 1;
  const role = request.moderator_token ? 'moderator' : 'guest';
  const known = request.token && JSON.parse(Buffer.from(request.token.split('.')[1], 'base64url'));
  const identity = known?.sub ?? `p${participants}`;
  const attributes = { role, ...(request.observer ? { observer: 'true' } : {}) };
  return [
    200,
    {
      token: token(identity, request.name, `dev/${request.code}`, attributes),
      identity,
      participant: Number(identity.slice(1)),
      name: request.name,
      role,
      relays: [{ url: values.relay, region: 'dev' }],
      conference: { id: 1, subject: 'Product weekly', mute_mode: 'conversation' },
      media: { h264: false, max_resolution: 720 },
    },
  ];
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString() || '{}');
}

function page(file, title, config) {
  const json = JSON.stringify(config).replaceAll('<', '\\u003c');
  const script = `<script type="application/json" id="convoke-config">${json}</script>`;
  return readFileSync(join('dist', file), 'utf8')
    .replace('<!--convoke:title-->', title)
    .replace('<!--convoke:config-->', script);
}

function room(code) {
  return page('room.html', 'Product weekly · Convoke', {
    page: 'room',
    code,
    encrypted: false,
    tenant,
    leave_event_type: 'vivomeetingsLeaveCallEvent',
    hidden_controls: [],
    conference: conference(code),
    signed_in: null,
  });
}

createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const send = (status, type, content) =>
    response
      .writeHead(status, { 'content-type': type, 'content-security-policy': CSP })
      .end(content);
  try {
    const code = /^\/conf\/call\/(\d+)$/.exec(pathname)?.[1];
    if (pathname === '/') {
      return send(200, 'text/html', page('index.html', 'Convoke', { page: 'home', tenant }));
    }
    if (code) return send(200, 'text/html', room(code));
    if (pathname === '/conf/join') {
      const [status, answer] = joinAnswer(await body(request));
      return send(status, 'application/json', JSON.stringify(answer));
    }
    const type = TYPES[extname(pathname)] ?? 'application/octet-stream';
    return send(200, type, readFileSync(join('dist', pathname.replaceAll('..', ''))));
  } catch {
    return send(404, 'text/plain', 'not found');
  }
}).listen(Number(values.port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${values.port}/conf/call/1234567`);
});
