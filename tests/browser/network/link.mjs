// A browser at the far end of a link of our own making. Needs root, /dev/net/tun, and the command `ip`.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { binary, launchChromium, until } from '../platform.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const run = (line) => execFileSync('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] });
const works = (line) => {
  try {
    execFileSync('/bin/sh', ['-c', line], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/**
 * A network namespace at the far end of a link with these properties (see `tests/src/bin/link/main.rs`; `down` leads there):
 * here is `10.<net>.1`, there `10.<net>.2`.
 */
export class Linked {
  static async open(net, { seed, down = '', up = '' }) {
    const linked = new Linked();
    linked.name = `convoke-link-${process.pid}-${net.replace('.', '-')}`;
    linked.here = `10.${net}.1`;
    linked.there = `10.${net}.2`;
    const there = linked.there;
    const [near, far] = ['n', 'f'].map((end) => `c${end}${process.pid}x${net.replace('.', '')}`.slice(0, 15));
    linked.near = near;
    linked.folder = await mkdtemp(join(tmpdir(), 'convoke-link-'));
    linked.orders = join(linked.folder, 'orders');
    run(`mkfifo ${linked.orders}`);
    run(`ip netns add ${linked.name}`);
    const args = [join(here, 'link.py'), near, far, binary('link'), '--seed', String(seed), '--down', down, '--up', up];
    args.push('--orders', linked.orders);
    linked.child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    createInterface({ input: linked.child.stderr }).on('line', (line) => {
      if (line.startsWith('{')) linked.stats = JSON.parse(line);
      else console.error(line);
    });
    // Set up by addresses of both ends: a TUN device knows nothing of neighbours.
    await until('the devices', () => works(`ip link show ${near} && ip link show ${far}`));
    for (const line of [
      `ip link set ${far} netns ${linked.name}`,
      `ip address add ${linked.here} peer ${there} dev ${near}`,
      `ip link set ${near} up`,
      `ip -n ${linked.name} address add ${there} peer ${linked.here} dev ${far}`,
      `ip -n ${linked.name} link set ${far} up`,
      `ip -n ${linked.name} link set lo up`,
      `ip -n ${linked.name} route add default via ${linked.here}`,
    ]) {
      run(line);
    }
    return linked;
  }

  /** Chromium at the far end. */
  async launch(args) {
    const wrapper = join(this.folder, 'chromium');
    await writeFile(wrapper, `#!/bin/sh\nexec ip netns exec ${this.name} ${process.env.CHROMIUM ?? '/usr/bin/chromium'} "$@"\n`);
    await chmod(wrapper, 0o755);
    return launchChromium({ args, executablePath: wrapper });
  }

  /** Changes the link's properties for what is sent from now on. */
  change({ down = '', up = '' }) {
    this.order(`down ${down}`, `up ${up}`);
  }

  /** The far end is seen under another address from now on, as behind a NAT that rebinds. */
  move() {
    const seen = this.there.replace(/\.2$/, '.77');
    run(`ip route replace ${seen} dev ${this.near}`);
    this.order(`move ${this.there} ${seen}`);
  }

  order(...lines) {
    writeFileSync(this.orders, lines.map((line) => `${line}\n`).join(''));
  }

  async close() {
    // The devices go with it.
    this.child.kill('SIGKILL');
    run(`ip netns delete ${this.name}`);
    await rm(this.folder, { recursive: true, force: true });
  }
}
