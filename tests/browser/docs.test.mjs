// The page of the partner API: every method, findable, and nothing of others loaded.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { wellMade } from './look.mjs';
import { launchChromium, startPlatform, visitor } from './platform.mjs';

let platform, browser;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

test('every method of the document is shown, with its fields and an example', async () => {
  const page = await visitor(browser);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).host));
  await page.goto(new URL('/enterprise_api/docs', platform.admin_url).href);
  const create = page.getByRole('region', { name: 'POST /enterprise_api/conference/create', exact: true });
  await create.getByText('"subject": "Test Conference"').first().waitFor();
  await create.getByText('Example answer').click();
  await create.getByText('"conference_id": 183').waitFor();
  const paths = await page.evaluate(async () => Object.keys((await (await fetch('/enterprise_api/openapi.json')).json()).paths));
  for (const path of paths) assert.ok((await page.getByRole('heading', { name: path }).count()) > 0, path);
  await page.getByRole('searchbox', { name: 'Find a method' }).fill('sso_ticket');
  assert.equal(await page.getByRole('region').count(), 1);
  await page.getByRole('searchbox', { name: 'Find a method' }).fill('host/create');
  await wellMade(page, 'docs');
  assert.deepEqual([...new Set(asked)], [new URL(platform.admin_url).host]);
  await page.context().close();
});
