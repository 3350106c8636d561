// A network of its own for a browser, behind a wall. Needs root, and the commands `ip` and `nft`.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchChromium } from './platform.mjs';

const run = (line) => execFileSync('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] });

/** A namespace joined to this machine by a cable: here is `10.<net>.1`, there `10.<net>.2`. */
export class Walled {
  constructor(net) {
    removeLeftover(net);
    this.name = `convoke-wall-${process.pid}-${net.replace('.', '-')}`;
    this.here = `10.${net}.1`;
    const cable = `cw${process.pid}`.slice(0, 15);
    for (const line of [
      `ip netns add ${this.name}`,
      `ip link add ${cable} type veth peer name wall netns ${this.name}`,
      // An address of IPv6 would come into use more than a second later, and Chromium drop what it loads then: ERR_NETWORK_CHANGED.
      `ip link set ${cable} addrgenmode none`,
      `ip -n ${this.name} link set wall addrgenmode none`,
      `ip address add ${this.here}/24 dev ${cable}`,
      `ip link set ${cable} up`,
      `ip -n ${this.name} address add 10.${net}.2/24 dev wall`,
      `ip -n ${this.name} link set wall up`,
      `ip -n ${this.name} link set lo up`,
      `ip -n ${this.name} route add default via ${this.here}`,
    ]) {
      run(line);
    }
  }

  /** Lets through what these rules of nft accept, and nothing else. */
  wall(...rules) {
    const inside = `ip netns exec ${this.name}`;
    run(`${inside} nft flush ruleset`);
    run(`${inside} nft add table inet wall`);
    for (const [way, device] of [['output', 'oifname'], ['input', 'iifname']]) {
      run(`${inside} nft 'add chain inet wall ${way} { type filter hook ${way} priority 0; policy drop; }'`);
      run(`${inside} nft add rule inet wall ${way} ${device} lo accept`);
      const port = way === 'output' ? 'dport' : 'sport';
      for (const rule of rules) run(`${inside} nft add rule inet wall ${way} ${rule.replaceAll('PORT', port)} accept`);
    }
  }

  /** Chromium in there. */
  async launch(args) {
    this.folder = await mkdtemp(join(tmpdir(), 'convoke-wall-'));
    const wrapper = join(this.folder, 'chromium');
    await writeFile(wrapper, `#!/bin/sh\nexec ip netns exec ${this.name} ${process.env.CHROMIUM ?? '/usr/bin/chromium'} "$@"\n`);
    await chmod(wrapper, 0o755);
    return launchChromium({ args, executablePath: wrapper });
  }

  async close() {
    // The cable goes with it.
    remove('netns', this.name);
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }
}

// What is gone already must not keep the rest from being removed.
function remove(what, name) {
  try {
    run(`ip ${what} delete ${name}`);
  } catch (error) {
    console.error(`${what} ${name}: ${error.message}`);
  }
}

// What a run that was killed has left of this network. One whose process lives is another's, and an error.
function removeLeftover(net) {
  const [taken] = JSON.parse(run(`ip -json -4 address show to 10.${net}.1/32`)).filter(({ ifname }) => ifname);
  if (!taken) return;
  const pid = /^cw(\d+)$/.exec(taken.ifname)?.[1];
  if (!pid || existsSync(`/proc/${pid}`)) throw new Error(`10.${net}.1 is in use by ${taken.ifname}`);
  // First the cable: with its namespace it would go a moment later.
  remove('link', taken.ifname);
  remove('netns', `convoke-wall-${pid}-${net.replace('.', '-')}`);
}
