// The thirty steps on our relay, in both connection modes.
import { after, before, test } from 'node:test';
import { launchChromium } from '../platform.mjs';
import { ours } from '../network/servers.mjs';
import { Scenario } from './scenario.mjs';

let server, browser;

before(async () => {
  server = await ours({ here: '127.0.0.1' }, 2);
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const single of [true, false]) {
  test(`thirty steps over ${single ? 'one connection' : 'two connections'}`, async (t) => {
    await new Scenario(server, browser, single).walk({ each: (name, action) => t.test(name, action), fast: true });
  });
}
