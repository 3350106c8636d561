// A relay that stands alone, with one classic API key, and tokens of that key.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { binary } from './platform.mjs';

export const [KEY, SECRET] = ['alone', 'alone-secret-alone-secret-alone-secret'];

/**
 * Starts a relay with this configuration (TOML, without its data folder and keys). Answers its process, and the line by which
 * it tells its ports.
 */
export async function startRelay(folder, configuration) {
  const config = join(folder, 'relay.toml');
  await writeFile(config, `data = "${folder}"\n${configuration}\n[api_keys]\n${KEY} = "${SECRET}"\n`);
  const child = spawn(binary('relay'), ['--config', config], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (said) => {
      if (process.env.VERBOSE) console.error(said);
      if (said.includes('relay started')) resolve(said);
    });
    child.on('exit', (code) => reject(new Error(`the relay ended with ${code}`)));
  });
  return { child, line };
}

const base64url = (value) => Buffer.from(value).toString('base64url');

/** A join token of the relay's key, for ten minutes. */
export function token(room, identity) {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { iss: KEY, sub: identity, name: identity, exp, video: { room, roomJoin: true } };
  const head = `${base64url('{"alg":"HS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}`;
  return `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`;
}
