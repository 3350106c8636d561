// A meeting made through the public API happens in browsers: everybody sees and hears everybody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meetings, until, visitor } from './platform.mjs';
import { heard, inside, join, picture, press, running, seen, watched, withParameters } from './room.mjs';

// What a page may announce for a camera: 720p and its simulcast layers (16:9), or 4:3 of the fake device.
const SIZES = new Set(['1280x720', '640x360', '320x180', '960x540', '480x270', '640x480', '320x240', '160x120']);

const here = meetings();
const { newMeeting } = here;

async function participants(roomUrl, names) {
  const pages = [];
  for (const name of names) pages.push(await join(await visitor(here.browser), roomUrl, name));
  return pages;
}

async function leaveAll(pages) {
  for (const page of pages) await page.context().close();
}

for (const names of [['Ann', 'Bob'], ['Ann', 'Bob', 'Cleo', 'Dan']]) {
  test(`${names.length} people see and hear each other`, async () => {
    const { room_url: roomUrl } = await newMeeting();
    const pages = await participants(roomUrl, names);
    for (const [index, page] of pages.entries()) {
      for (const name of names) {
        if (name === names[index]) continue;
        const { width, height } = await seen(page, name);
        assert.ok(SIZES.has(`${width}x${height}`), `${name} on ${names[index]}'s page is ${width}x${height}`);
      }
      await heard(page, names.length - 1);
    }
    await leaveAll(pages);
  });
}

test('who joins before their camera and microphone have opened is seen and heard all the same', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const hasty = await visitor(here.browser);
  await hasty.addInitScript(() => {
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return open(constraints);
    };
  });
  const ann = await join(hasty, roomUrl, 'Ann');
  const bob = await join(await visitor(here.browser), roomUrl, 'Bob');
  await seen(bob, 'Ann');
  await heard(bob, 1);
  await leaveAll([ann, bob]);
});

test('mute is seen by the others, and silences', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const [ann, bob] = await participants(roomUrl, ['Ann', 'Bob']);
  await heard(bob, 1);
  await press(ann, 'Mute');
  await until('Ann shown as muted', async () => (await picture(bob, 'Ann')).label.includes('muted'));
  await heard(bob, 0);
  await press(ann, 'Unmute');
  await until('Ann shown as audible', async () => !(await picture(bob, 'Ann')).label.includes('muted'));
  await heard(bob, 1);
  await leaveAll([ann, bob]);
});

test('a camera that stops becomes initials, and comes back', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const [ann, bob] = await participants(roomUrl, ['Ann', 'Bob']);
  await seen(bob, 'Ann');
  await press(ann, 'Stop video');
  await until('no picture of Ann', async () => (await picture(bob, 'Ann')).width === 0);
  await press(ann, 'Start video');
  await seen(bob, 'Ann');
  await leaveAll([ann, bob]);
});

test('a shared screen is large at the others while cameras go on', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const [ann, bob] = await participants(roomUrl, ['Ann', 'Bob']);
  await seen(bob, 'Ann');
  await press(ann, 'Share screen');
  await until('the screen decoded at Bob', () =>
    bob.evaluate(() => {
      const cameras = new Set(document.querySelectorAll('[data-identity] video'));
      return [...document.querySelectorAll('video')].some(
        (video) => !cameras.has(video) && video.getVideoPlaybackQuality().totalVideoFrames > 3 && video.clientWidth > 400,
      );
    }),
  );
  await seen(bob, 'Ann');
  await press(ann, 'Stop sharing');
  await until('the screen gone at Bob', () =>
    bob.evaluate(() => document.querySelectorAll('video').length === document.querySelectorAll('[data-identity] video').length),
  );
  await leaveAll([ann, bob]);
});

// What the relay says before the page's library knows the track, the library drops.
test('a screen that is shared with a phone alone is sent in the layer that it shows', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const ann = await join(await visitor(here.browser), roomUrl, 'Ann');
  const bob = await join(await visitor(here.browser, { viewport: { width: 390, height: 844 } }), roomUrl, 'Bob');
  await seen(bob, 'Ann');
  await press(ann, 'Share screen');
  await until('the upper layer off', () =>
    ann.evaluate(() => {
      const senders = window.keptConnections.flatMap((connection) => connection.getSenders());
      const screens = senders.filter(({ track }) => track?.getSettings().displaySurface);
      const layers = screens.flatMap((sender) => sender.getParameters().encodings.map(({ active }) => active));
      return layers.length === 2 && layers[0] && !layers[1];
    }),
  );
  await leaveAll([ann, bob]);
});

test('who comes back, by loading the page again or joining again, is the same person with the same things on', async () => {
  const { room_url: roomUrl, conference_id } = await newMeeting();
  const ann = await join(await visitor(here.browser), roomUrl, 'Ann');
  const bob = await watched(here.browser);
  await join(bob, roomUrl, 'Bob');
  await seen(ann, 'Bob');
  await press(bob, 'Mute');
  await bob.reload();
  assert.equal(await bob.getByLabel('Your name').inputValue(), 'Bob');
  await bob.getByTitle('Microphone off').waitFor();
  await bob.getByTitle('Camera on').waitFor();
  await bob.getByRole('button', { name: 'Join now' }).click();
  await inside(bob);
  await seen(ann, 'Bob');
  assert.match((await picture(ann, 'Bob')).label, /muted/);

  await press(bob, 'Stop video');
  await until('no picture of Bob', async () => (await picture(ann, 'Bob')).width === 0);
  await press(bob, 'Leave');
  await until('Bob gone', async () => !(await picture(ann, 'Bob')));
  await bob.getByRole('button', { name: 'Join again' }).click();
  await inside(bob);
  await until('Bob back at Ann', () => picture(ann, 'Bob'));
  for (const label of ['Unmute', 'Start video']) await bob.getByRole('button', { name: label, exact: true }).waitFor();
  const back = await picture(ann, 'Bob');
  assert.match(back.label, /muted/);
  assert.equal(back.width, 0);
  assert.deepEqual(await running(bob), []);
  const people = await here.partner.call('conference/participants', { conference_id });
  assert.deepEqual(people.map(({ name, reason }) => [name, reason]).sort(), [['Ann', null], ['Bob', null]]);

  // Who has left is nobody any more to whom loads the page after that.
  await press(bob, 'Leave');
  await bob.locator('[data-ending=left]').waitFor();
  await bob.reload();
  await bob.getByTitle('Microphone on').waitFor();
  await leaveAll([ann, bob]);
});

test('a link with a name and skip_join asks for one click only', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const page = await visitor(here.browser);
  await page.goto(withParameters(roomUrl, { name: 'Eve', skip_join: 'true', mute: 'mic' }));
  await page.getByRole('button', { name: 'Join as Eve' }).click();
  await until('Eve inside and muted', async () => {
    const eve = await picture(page, 'Eve');
    return eve?.label.includes('muted') && eve.frames > 0;
  });
  await leaveAll([page]);
});
