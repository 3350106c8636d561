// A tenant's own looks: its logo and icon, served by us, its corners and its font, on each page.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { wellMade } from './look.mjs';
import { Partner, launchChromium, startPlatform, until, visitor } from './platform.mjs';

let platform, browser, partner, pictures;

before(async () => {
  platform = await startPlatform();
  browser = await launchChromium();
  partner = await Partner.signIn(platform);
});
after(async () => {
  await browser?.close();
  await platform?.stop();
  pictures?.close();
});

/** A partner's own server with one picture, that a browser has drawn. */
async function pictureServer() {
  const page = await visitor(browser);
  const drawn = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [900, 240];
    const pen = canvas.getContext('2d');
    pen.fillStyle = '#7a1fa2';
    pen.beginPath();
    pen.roundRect(10, 10, 880, 220, 60);
    pen.fill();
    pen.fillStyle = '#ffffff';
    pen.font = 'bold 150px sans-serif';
    pen.fillText('NORTHWIND', 30, 172, 840);
    return canvas.toDataURL('image/png').split(',')[1];
  });
  await page.context().close();
  const seen = [];
  const server = createServer((request, response) => {
    seen.push(request.url);
    response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from(drawn, 'base64'));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { url: (path) => `http://127.0.0.1:${server.address().port}${path}`, seen, close: () => server.close() };
}

const looks = (page) =>
  page.evaluate(async () => {
    await document.fonts.ready;
    const button = document.querySelector('button');
    return {
      radius: getComputedStyle(button).borderRadius,
      font: getComputedStyle(document.body).fontFamily,
      loaded: [...document.fonts].filter((font) => font.status === 'loaded').map((font) => font.family.replaceAll('"', '')),
      icon: document.querySelector('link[rel="icon"]').getAttribute('href'),
    };
  });

test("a company's logo, icon, corners and font are on its pages, and nobody else's server is asked for them", async () => {
  pictures = await pictureServer();
  const branding = {
    product_name: 'Northwind Meet', primary_color: '#7a1fa2', radius: 'none', font: 'source_serif',
    logo_url: pictures.url('/logo.png'), icon_url: pictures.url('/icon.png'),
  };
  const { host } = await partner.company('Northwind', { branding });
  assert.deepEqual(pictures.seen.toSorted(), ['/icon.png', '/logo.png']);
  for (const [name, path] of [['home', '/'], ['login', '/login'], ['room', new URL(host.meeting_url).pathname]]) {
    const page = await visitor(browser);
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(new URL(path, host.meeting_url).href);
    const logo = page.getByRole('img', { name: 'Northwind Meet' });
    await logo.waitFor();
    await until('the logo is loaded', () => logo.evaluate((image) => image.complete && image.naturalWidth === 512));
    const { radius, font, loaded, icon } = await looks(page);
    assert.equal(radius, '0px', name);
    assert.match(font, /^"?Source Serif/, name);
    assert.ok(loaded.includes('Source Serif') && !loaded.includes('Inter') && !loaded.includes('Figtree'), `${name}: ${loaded}`);
    assert.match(icon, /^\/branding\/[0-9a-f]{64}$/, name);
    assert.ok(asked.every((url) => !url.startsWith(pictures.url(''))), name);
    await wellMade(page, `branding-square-${name}`);
    await page.context().close();
  }
});

test('round corners and a round font', async () => {
  const { host } = await partner.company('Rounded', { branding: { radius: 'large', font: 'nunito' } });
  for (const [name, path] of [['home', '/'], ['login', '/login'], ['room', new URL(host.meeting_url).pathname]]) {
    const page = await visitor(browser);
    await page.goto(new URL(path, host.meeting_url).href);
    await page.getByRole('button').first().waitFor();
    const { font, loaded } = await looks(page);
    assert.match(font, /^Nunito/, name);
    assert.ok(loaded.includes('Nunito') && !loaded.includes('Figtree'), `${name}: ${loaded}`);
    await wellMade(page, `branding-round-${name}`);
    await page.context().close();
  }
});
