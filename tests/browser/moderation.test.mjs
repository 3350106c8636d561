// Moderators lead a meeting from its page, and let people in from the waiting room; everybody else's page does as it is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wellMade } from './look.mjs';
import { meetings, partnerPage, until, visitor } from './platform.mjs';
import { heard, inside, join, picture, press, seen, withParameters } from './room.mjs';

const here = meetings();
const { newMeeting } = here;

const lead = async (meeting, name = 'Ann') =>
  join(await visitor(here.browser), meeting.room_url, name, { moderator_token: meeting.moderator_token });
const come = async (meeting, name) => join(await visitor(here.browser), meeting.room_url, name);

/** Asks to be let in; what the page then says. */
async function knock(meeting, name) {
  const page = await visitor(here.browser);
  await page.goto(meeting.room_url);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join now' }).click();
  return page;
}

const leaveAll = async (...pages) => {
  for (const page of pages) await page.context().close();
};

async function openPeople(page) {
  if (!(await page.getByRole('complementary', { name: 'People' }).isVisible())) await page.locator('#people-button').click();
  await page.getByRole('complementary', { name: 'People' }).waitFor();
}

/** Chooses an item of somebody's menu in the list of people. */
async function act(page, name, item) {
  await openPeople(page);
  await page.getByRole('button', { name: `Actions for ${name}` }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** Waits until what this selects has the focus. */
const focusIs = (page, selector) => page.locator(`${selector}:focus`).waitFor();

const says = (page, text) => page.getByText(text).first().waitFor();
const isMuted = (page, name) => until(`${name} muted`, async () => (await picture(page, name))?.label.includes('muted'));

/** Packets of media that a page has received, over all of its connections. */
const received = (page) =>
  page.evaluate(async () => {
    let packets = 0;
    for (const connection of window.keptConnections) {
      for (const entry of (await connection.getStats()).values()) if (entry.type === 'inbound-rtp') packets += entry.packetsReceived;
    }
    return packets;
  });

test('a moderator mutes somebody, asks to unmute, and that person decides', async () => {
  const meeting = await newMeeting();
  const ann = await lead(meeting);
  const bob = await come(meeting, 'Bob');
  await heard(ann, 1);
  await act(ann, 'Bob', 'Mute');
  await says(bob, 'A moderator muted you');
  await isMuted(ann, 'Bob');
  await heard(ann, 0);

  // A dialog that is open is not taken away.
  await press(bob, 'More');
  await bob.getByRole('menuitem', { name: 'Settings' }).click();
  await act(ann, 'Bob', 'Ask to unmute');
  await bob.getByRole('dialog', { name: 'Settings' }).getByRole('button', { name: 'Done' }).click();
  const prompt = bob.getByRole('dialog', { name: 'Please unmute' });
  await prompt.getByText('Ann would like to hear you.').waitFor();
  await isMuted(ann, 'Bob');
  await wellMade(bob, 'asked-to-unmute');
  await prompt.getByRole('button', { name: 'Stay muted' }).click();
  await act(ann, 'Bob', 'Ask to unmute');
  await prompt.getByRole('button', { name: 'Unmute', exact: true }).click();
  await heard(ann, 1);
  await leaveAll(ann, bob);
});

test('a moderator switches a camera off, makes a moderator, and removes somebody', async () => {
  const meeting = await newMeeting();
  const ann = await lead(meeting);
  const bob = await come(meeting, 'Bob');
  const cleo = await come(meeting, 'Cleo');
  await seen(cleo, 'Bob');
  await act(ann, 'Bob', 'Switch camera off');
  await says(bob, 'A moderator switched your camera off');
  await until('no picture of Bob', async () => (await picture(cleo, 'Bob')).width === 0);

  // Guests have no menus.
  await openPeople(bob);
  assert.equal(await bob.getByRole('button', { name: 'Actions for Cleo' }).count(), 0);
  await act(ann, 'Bob', 'Make moderator');
  await says(bob, 'You are a moderator now');
  await act(bob, 'Cleo', 'Remove…');
  await bob.getByRole('dialog', { name: 'Remove Cleo?' }).getByRole('button', { name: 'Remove', exact: true }).click();
  await cleo.locator('[data-ending=removed]').waitFor();
  await until('Cleo gone at Ann', async () => !(await picture(ann, 'Cleo')));
  await act(ann, 'Bob', 'Take moderator role away');
  await says(bob, 'You are no longer a moderator');
  await until('no menus', async () => (await bob.getByRole('button', { name: 'Actions for Ann' }).count()) === 0);
  const people = await here.partner.call('conference/participants', { conference_id: meeting.conference_id });
  assert.deepEqual(people.map(({ name, moderator, reason }) => [name, moderator, reason]), [['Cleo', false, 'removed'], ['Bob', false, null], ['Ann', true, null]]);
  await leaveAll(ann, bob, cleo);
});

test('all are muted, the room is locked, and the host ends the meeting for everybody', async () => {
  const meeting = await newMeeting();
  const ann = await lead(meeting);
  const bob = await come(meeting, 'Bob');
  await heard(ann, 1);
  await openPeople(ann);
  await ann.getByRole('button', { name: 'Mute all' }).click();
  await heard(ann, 0);
  // Who leads is still heard.
  await heard(bob, 1);
  await ann.getByRole('button', { name: 'Lock meeting' }).click();
  await bob.locator('.room-lock').waitFor();
  const cleo = await knock(meeting, 'Cleo');
  await cleo.locator('[data-ending=locked]').waitFor();
  await ann.getByRole('button', { name: 'Unlock meeting' }).click();
  await bob.locator('.room-lock').waitFor({ state: 'detached' });
  await cleo.getByRole('button', { name: 'Try again' }).click();
  await inside(cleo);
  await ann.getByRole('button', { name: 'End for everybody' }).click();
  await ann.getByRole('dialog', { name: 'End the meeting for everybody?' }).getByRole('button', { name: 'End for everybody' }).click();
  for (const page of [bob, cleo]) await page.locator('[data-ending=ended]').waitFor();
  await ann.locator('[data-ending=ended]').waitFor();
  // What was told of the meeting is not shown any more.
  for (const page of [ann, bob, cleo]) assert.equal(await page.locator('.toast').count(), 0);
  await leaveAll(ann, bob, cleo);
});

test('in a presentation a guest is silent until a moderator gives the word', async () => {
  const meeting = await newMeeting({ mute_mode: 'presentation' });
  const ann = await lead(meeting);
  const bob = await come(meeting, 'Bob');
  await heard(bob, 1);
  await isMuted(ann, 'Bob');
  await press(bob, 'Unmute');
  await says(bob, 'Only moderators and whom they ask speak now');
  await act(ann, 'Bob', 'Ask to unmute');
  await bob.getByRole('dialog', { name: 'Please unmute' }).getByRole('button', { name: 'Unmute', exact: true }).click();
  await heard(ann, 1);
  await act(ann, 'Bob', 'Mute');
  await says(bob, 'A moderator muted you');
  await heard(ann, 0);
  // Everybody may speak again, as the moderator sets it.
  await ann.getByRole('button', { name: 'Who may speak: Moderators and whom they ask' }).click();
  await ann.getByRole('menuitemradio', { name: 'Moderators and whom they ask', checked: true }).waitFor();
  await ann.keyboard.press('Home');
  await ann.keyboard.press('Enter');
  await ann.getByRole('button', { name: 'Who may speak: Everybody' }).waitFor();
  const button = (name) => bob.getByRole('toolbar').getByRole('button', { name, exact: true });
  await until('Bob may unmute', async () => {
    if (await button('Mute').isVisible()) return true;
    // A press before may have its effect just now, and then there is nothing to press.
    await button('Unmute').click({ timeout: 1_000 }).catch(() => {});
    return false;
  });
  await heard(ann, 1);
  await leaveAll(ann, bob);
});

test('who waits gets no media and is seen by moderators alone, until one lets them in', async () => {
  const meeting = await newMeeting({ waiting_room: true });
  assert.equal(meeting.waiting_room, true);
  const ann = await lead(meeting);
  const dan = await knock(meeting, 'Dan');
  await says(dan, 'You will be let in soon');
  await ann.getByRole('status').getByText('Dan is waiting to be let in.').waitFor();
  await ann.getByRole('button', { name: 'Admit', exact: true }).click();
  await inside(dan);
  await dan.getByRole('status').getByText('You have been let in').waitFor();
  await focusIs(ann, '#people-button');
  await seen(dan, 'Ann');

  const bob = await knock(meeting, 'Bob');
  await says(bob, 'You will be let in soon');
  await until('Bob connected', () => bob.evaluate(() => window.keptConnections.some(({ connectionState }) => connectionState === 'connected')));
  await wellMade(bob, 'waiting-room');
  await openPeople(ann);
  await ann.getByRole('button', { name: 'Admit Bob' }).waitFor();
  const cleo = await knock(meeting, 'Cleo');
  await ann.getByRole('button', { name: 'Admit Cleo' }).waitFor();
  await ann.getByRole('status').getByText('Cleo is waiting to be let in.').waitFor();
  await wellMade(ann, 'moderator');
  // Bob's connection is up, with people who send; nothing comes.
  assert.equal(await received(bob), 0);
  assert.equal(await bob.locator('[data-identity]').count(), 0);
  assert.ok((await received(dan)) > 0);
  await openPeople(dan);
  assert.equal(await dan.getByText('Bob').count(), 0);
  assert.equal(await ann.locator('[data-identity]').count(), 2);

  await ann.getByRole('button', { name: 'Admit Bob' }).click();
  await inside(bob);
  await focusIs(ann, '[aria-label="Admit Cleo"]');
  for (const page of [ann, dan]) await seen(page, 'Bob');
  await seen(bob, 'Ann');
  await heard(bob, 2);
  await ann.getByRole('button', { name: 'Reject Cleo' }).click();
  await cleo.locator('[data-ending=rejected]').waitFor();
  await until('nobody waits', async () => (await ann.getByRole('heading', { name: 'Waiting to be let in' }).count()) === 0);
  await focusIs(ann, '#people-title');
  const people = await here.partner.call('conference/participants', { conference_id: meeting.conference_id });
  assert.deepEqual(people.map(({ name }) => name).sort(), ['Ann', 'Bob', 'Dan']);
  await leaveAll(ann, dan, bob, cleo);
});

test('who loads the page again needs no PIN, no door, no link, and leads as before', async () => {
  const meeting = await newMeeting({ waiting_room: true, security_pin: '2468' });
  const ann = await lead(meeting);
  const pages = [];
  for (const name of ['Bob', 'Cleo']) {
    const page = await knock({ room_url: `${meeting.room_url}#pin=2468` }, name);
    await openPeople(ann);
    await ann.getByRole('button', { name: `Admit ${name}` }).click();
    await inside(page);
    pages.push(page);
  }
  const [bob, cleo] = pages;
  await act(ann, 'Bob', 'Make moderator');
  await says(bob, 'You are a moderator now');
  await ann.getByRole('button', { name: 'Lock meeting' }).click();
  await cleo.locator('.room-lock').waitFor();
  for (const page of [ann, bob, cleo]) {
    assert.doesNotMatch(page.url(), /pin|token/);
    await page.reload();
    await page.getByRole('button', { name: 'Join now' }).click();
    await inside(page);
  }
  for (const page of [ann, bob]) {
    await openPeople(page);
    await page.getByRole('button', { name: 'Actions for Cleo' }).waitFor();
  }
  await openPeople(cleo);
  assert.equal(await cleo.getByRole('button', { name: 'Actions for Bob' }).count(), 0);
  const people = await here.partner.call('conference/participants', { conference_id: meeting.conference_id });
  assert.deepEqual(people.map(({ name, moderator, reason }) => [name, moderator, reason]).sort(), [['Ann', true, null], ['Bob', true, null], ['Cleo', false, null]]);
  await leaveAll(ann, bob, cleo);
});

test('notices leave the buttons of a banner free', async () => {
  const meeting = await newMeeting({ waiting_room: true });
  const ann = await visitor(here.browser);
  // Notices stay, so that there is time to look at them.
  await ann.addInitScript(() => {
    const later = window.setTimeout.bind(window);
    window.setTimeout = (run, milliseconds, ...more) => later(run, milliseconds === 5_000 ? 600_000 : milliseconds, ...more);
  });
  await join(ann, meeting.room_url, 'Ann', { moderator_token: meeting.moderator_token });
  await openPeople(ann);
  await ann.getByRole('button', { name: 'Mute all' }).click();
  await says(ann, 'Everybody is muted');
  await ann.getByRole('complementary', { name: 'People' }).getByRole('button', { name: 'Close' }).click();
  const bob = await knock(meeting, 'Bartholomew Featherstonehaugh');
  await ann.locator('.banner').waitFor();
  await wellMade(ann, 'banner-and-toast');
  for (const width of [320, 360, 640, 1280]) {
    await ann.setViewportSize({ width, height: 740 });
    for (const button of await ann.locator('.banner button').all()) {
      // Fails where something else would be clicked.
      await button.click({ trial: true, timeout: 2_000 });
    }
    assert.equal(await ann.locator('.toast').count(), 1);
  }
  await leaveAll(ann, bob);
});

test('a menu fits a low frame and stays as it opened, and whoever uses it keeps the focus', async () => {
  const meeting = await newMeeting();
  const ann = await lead(meeting);
  const bob = await come(meeting, 'Bob');
  await heard(ann, 1);
  for (const viewport of [{ width: 700, height: 240 }, { width: 360, height: 300 }]) {
    await ann.setViewportSize(viewport);
    await openPeople(ann);
    await ann.getByRole('button', { name: 'Actions for Bob' }).click();
    const menu = await ann.getByRole('menu').boundingBox();
    assert.ok(menu.y >= 0 && menu.y + menu.height <= viewport.height, JSON.stringify({ menu, viewport }));
    await ann.keyboard.press('End');
    const last = await ann.getByRole('menuitem', { name: 'Remove…' }).boundingBox();
    assert.ok(last.y >= menu.y && last.y + last.height <= menu.y + menu.height, JSON.stringify({ last, menu }));
    if (process.env.SHOTS) await ann.screenshot({ path: `${process.env.SHOTS}/menu-${viewport.width}.png` });
    await ann.keyboard.press('Escape');
    await focusIs(ann, '[aria-label="Actions for Bob"]');
  }
  await ann.setViewportSize({ width: 960, height: 600 });
  await ann.getByRole('button', { name: 'Actions for Bob' }).click();
  await press(bob, 'Mute');
  await isMuted(ann, 'Bob');
  const offered = await ann.getByRole('menuitem').allTextContents();
  assert.deepEqual(offered, ['Mute', 'Switch camera off', 'Make moderator', 'Remove…']);
  await ann.getByRole('menuitem', { name: 'Remove…' }).click();
  await ann.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await bob.locator('[data-ending=removed]').waitFor();
  await focusIs(ann, '#people-title');
  await leaveAll(ann, bob);
});

test('what a partner’s page has switched off at the door is off inside', async () => {
  const meeting = await newMeeting({ waiting_room: true });
  const ann = await lead(meeting);
  const page = await visitor(here.browser);
  const site = await partnerPage(withParameters(meeting.room_url, { name: 'Bob', skip_join: 'true', events: 'true' }));
  await page.goto(site.url);
  await page.frameLocator('iframe').getByText('You will be let in soon').waitFor();
  await page.evaluate(() => document.querySelector('iframe').contentWindow.postMessage({ type: 'conference', action: 'mute' }, '*'));
  await page.frameLocator('iframe').getByText('Microphone off').waitFor();
  await ann.getByRole('button', { name: 'Admit', exact: true }).click();
  await seen(ann, 'Bob');
  assert.ok((await picture(ann, 'Bob')).label.includes('muted'));
  await heard(ann, 0);
  site.close();
  await leaveAll(ann, page);
});

test('a partner lets in by its server whom its moderator’s frame tells of', async () => {
  const meeting = await newMeeting({ waiting_room: true });
  const page = await visitor(here.browser);
  const address = withParameters(meeting.room_url, { name: 'Ann', skip_join: 'true', events: 'true', moderator_token: meeting.moderator_token });
  const site = await partnerPage(address);
  await page.goto(site.url);
  await inside(page.frameLocator('iframe'));
  const bob = await knock(meeting, 'Bob');
  await says(bob, 'You will be let in soon');
  const told = () => page.evaluate(() => window.messages.map(({ data }) => data).filter(({ event, name }) => event === 'CHANGE' && name === 'Bob'));
  const joining = await until('the frame tells of Bob', async () => (await told()).find(({ isJoining }) => isJoining));
  const control = (action, more = {}) => here.partner.call('conference/control', { conference_id: meeting.conference_id, action, ...more });
  await control('admit', { participant: joining.id });
  await inside(bob);
  await until('Bob is on call', async () => (await told()).some(({ isOnCall, id }) => isOnCall && id === joining.id));
  await control('lock');
  await until('the frame says locked', () =>
    page.evaluate(() => window.messages.some(({ data }) => data.type === 'conference' && data.isLocked)),
  );
  await until('Bob is heard', async () => (await told()).some(({ isMuted, id }) => isMuted === false && id === joining.id));
  await control('mute', { participant: joining.id });
  await says(bob, 'A moderator muted you');
  const unknown = await here.partner.raw('conference/control', { conference_id: meeting.conference_id, action: 'admit', participant: 99 });
  assert.equal(unknown.status, 404);
  site.close();
  await leaveAll(page, bob);
});
