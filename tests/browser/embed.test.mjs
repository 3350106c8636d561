// A partner's page on another site frames the room, and hears why somebody left.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Partner, launchChromium, partnerPage, startPlatform, until, visitor } from './platform.mjs';
import { inside, join, press, seen, withParameters } from './room.mjs';

const LEAVE = 'vivomeetingsLeaveCallEvent';

let platform, browser, partner, host;

before(async () => {
  platform = await startPlatform();
  // Third-party cookies are blocked, as browsers do more and more.
  browser = await launchChromium({ args: ['--test-third-party-cookie-phaseout'] });
  partner = await Partner.signIn(platform);
  ({ host } = await partner.company('Frame'));
});
after(async () => {
  await browser?.close();
  await platform?.stop();
});

const newMeeting = () => partner.call('conference/create/reservationless', { host_id: host.host_id, one_time_access_code: true });

/** The room in a frame of a partner's page; answers the page, the frame and what was posted so far. */
async function framed(src) {
  const server = await partnerPage(src);
  const page = await visitor(browser);
  await page.goto(server.url);
  const frame = await until('the frame', () => page.frames().find((candidate) => candidate !== page.mainFrame() && candidate.url().startsWith('http')));
  return {
    page,
    frame,
    posted: () => page.evaluate(() => window.messages),
    close: async () => {
      await page.context().close();
      server.close();
    },
  };
}

const leaveEvents = (messages) => messages.map(({ data }) => data).filter(({ type }) => type === LEAVE);

test('leaving posts the reason "left"', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const ann = await framed(withParameters(roomUrl, { name: 'Ann', skip_join: 'true' }));
  await inside(ann.frame);
  await press(ann.frame, 'Leave');
  await until('the leave event', async () => leaveEvents(await ann.posted()).length > 0);
  assert.deepEqual(leaveEvents(await ann.posted()), [{ type: LEAVE, reason: 'left' }]);
  await ann.close();
});

test('a moderator ends the meeting: everybody hears "ended", and the code opens no more', async () => {
  const meeting = await newMeeting();
  const bob = await framed(withParameters(meeting.room_url, { name: 'Bob', skip_join: 'true' }));
  await inside(bob.frame);
  const ann = await join(await visitor(browser), meeting.room_url, 'Ann', { moderator_token: meeting.moderator_token });
  await seen(ann, 'Bob', 5);
  await press(ann, 'Leave');
  await ann.getByRole('button', { name: 'End for everybody' }).click();
  await until('the leave event', async () => leaveEvents(await bob.posted()).length > 0);
  assert.deepEqual(leaveEvents(await bob.posted()), [{ type: LEAVE, reason: 'ended' }]);
  await ann.getByText('The meeting has ended').waitFor();
  await until('the meeting ended in the API', async () => !(await partner.call('conference/fetch', { conference_id: meeting.conference_id })).active);
  const late = await visitor(browser);
  await late.goto(meeting.room_url);
  await late.locator('[data-ending]').waitFor();
  await late.context().close();
  await ann.context().close();
  await bob.close();
});

test('ending through the API does the same', async () => {
  const meeting = await newMeeting();
  const bob = await framed(withParameters(meeting.room_url, { name: 'Bob', skip_join: 'true' }));
  await inside(bob.frame);
  await partner.call('conference/end', { conference_id: meeting.conference_id });
  await until('the leave event', async () => leaveEvents(await bob.posted()).length > 0);
  assert.deepEqual(leaveEvents(await bob.posted()), [{ type: LEAVE, reason: 'ended' }]);
  await bob.close();
});

test('with events=true the page tells its parent more, to its exact origin only', async () => {
  const { room_url: roomUrl } = await newMeeting();
  const ann = await framed(withParameters(roomUrl, { name: 'Ann', skip_join: 'true', events: 'true' }));
  await inside(ann.frame);
  await until('READY and own CHANGE', async () => {
    const seenEvents = (await ann.posted()).map(({ data }) => `${data.type}.${data.event}`);
    return seenEvents.includes('room.READY') && seenEvents.includes('participant.CHANGE');
  });
  assert.ok((await ann.posted()).every(({ origin }) => origin === new URL(roomUrl).origin));
  await ann.close();
});

test('a host signed in through the /auth frame is a moderator, with third-party cookies blocked', async () => {
  let meeting;
  const hostess = await framed(async (origin) => {
    const { host: account } = await partner.company('Signed', { embed_origins: [origin] });
    meeting = await partner.call('conference/create/reservationless', { host_id: account.host_id });
    const room = new URL(meeting.room_url);
    const auth = new URL('/auth', room);
    auth.search = new URLSearchParams({
      host_id: account.host_id,
      login_token_public_key: account.login_token_public_key,
      redirect_url: `${room.pathname}?name=Hostess&skip_join=true`,
    });
    return auth.href;
  });
  await inside(hostess.frame);
  // A cookie, if any, belongs to this frame in this page alone.
  const cookies = (await hostess.page.context().cookies()).filter(({ domain }) => domain.includes('signed'));
  assert.ok(cookies.every(({ partitionKey }) => partitionKey), JSON.stringify(cookies));
  await press(hostess.frame, 'Leave');
  await hostess.frame.getByRole('button', { name: 'End for everybody' }).click();
  await until('the leave event', async () => leaveEvents(await hostess.posted()).length > 0);
  assert.deepEqual(leaveEvents(await hostess.posted()), [{ type: LEAVE, reason: 'ended' }]);
  await until('the meeting ended in the API', async () => !(await partner.call('conference/fetch', { conference_id: meeting.conference_id })).active);
  await hostess.close();
});
