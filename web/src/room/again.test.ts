// Joining again: as who we were, with what was on.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NOON, admission, json, refusal, world } from './meeting.fixture';

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOON);
});
afterEach(() => vi.useRealTimers());

const muted = { token: 't0', name: 'Ann', mic: false, camera: true };

test('after leaving, as who we were, with what was on', async () => {
  const { meeting, entry, sessions, joins, opened } = world();
  await meeting.enter(entry);
  if (sessions[0]) sessions[0].micOn.value = false;
  await meeting.leave();
  await meeting.again();
  expect(joins()[1]?.body['token']).toBe('t1');
  expect(opened[1]).toMatchObject({ wantMic: false, wantCamera: true });
});

test('after a lost connection, with what was on', async () => {
  const { meeting, entry, answers, sessions, opened } = world();
  await meeting.enter(entry);
  if (sessions[0]) sessions[0].cameraOn.value = false;
  answers.relay = () => new Error('down');
  opened[0]?.ended('connection_lost');
  await vi.advanceTimersByTimeAsync(70_000);
  answers.relay = () => null;
  await meeting.again();
  expect(opened[1]).toMatchObject({ wantMic: true, wantCamera: false });
});

test('what is switched off while we come back stays off, also at the last moment', async () => {
  const { meeting, entry, answers, opened } = world();
  await meeting.enter(entry);
  answers.relay = () => new Error('down');
  opened[0]?.ended('connection_lost');
  meeting.wish('camera', false);
  await vi.advanceTimersByTimeAsync(10);
  const switched: string[] = [];
  answers.relay = ({ wantMic, wantCamera }) => {
    expect([wantMic, wantCamera]).toEqual([true, false]);
    meeting.wish('mic', false);
    return null;
  };
  answers.switched = (name) => switched.push(name);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(meeting.comingBack.value).toBe(false);
  expect(switched).toEqual(['mic']);
  // Not coming back, there is nothing to wish for.
  meeting.wish('mic', true);
  expect(meeting.want.value.mic).toBe(false);
});

test('after the page was loaded again, as who we were', async () => {
  const conference = { registration: { path: '/register/9', name: null } };
  const { meeting, entry, joins } = world({ stay: muted, page: { conference } });
  await meeting.start();
  expect(meeting.phase.value).toEqual({ at: 'lobby' });
  await meeting.enter(entry);
  expect(joins()[0]?.body['token']).toBe('t0');
  expect(meeting.phase.value.at).toBe('in');
});

test('like anybody else where that meeting is over, or the token worth nothing', async () => {
  const over = [
    () => json(410, { code: 'expired', reason: 'ended' }),
    () => json(401, { code: 'unauthenticated', field: 'token' }),
  ];
  for (const refuse of over) {
    const { meeting, entry, answers, joins } = world({ stay: muted });
    answers.join = ({ token }) => (token ? refuse() : json(200, admission('t1')));
    await meeting.enter(entry);
    expect(joins().map(({ body }) => body['token'])).toEqual(['t0', undefined]);
    expect(meeting.phase.value.at).toBe('in');
  }
});

test('a wrong PIN is shown once only', async () => {
  const { meeting, entry, answers, joins } = world({ stay: muted, query: '#pin=1' });
  answers.join = refusal('wrong_pin');
  await meeting.enter(entry);
  expect(joins().length).toBe(1);
  expect(meeting.phase.value).toEqual({ at: 'pin', wrong: true });
});

test('a stay is kept as it changes, also by a page that goes, until it is over', async () => {
  const { meeting, entry, sessions, stays, opened } = world();
  await meeting.enter(entry);
  expect(stays).toEqual([{ token: 't1', name: 'Ann', mic: true, camera: true }]);
  if (sessions[0]) sessions[0].micOn.value = false;
  expect(stays[1]).toEqual({ token: 't1', name: 'Ann', mic: false, camera: true });
  // The library says goodbye for a page that is loaded again.
  opened[0]?.ended('left');
  expect(stays.length).toBe(2);
  for (const reason of ['ended', 'removed', 'duplicate'] as const) {
    const other = world();
    await other.meeting.enter(other.entry);
    other.opened[0]?.ended(reason);
    expect(other.stays.at(-1)).toBe(null);
  }
  const other = world();
  await other.meeting.enter(other.entry);
  await other.meeting.leave();
  expect(other.stays.at(-1)).toBe(null);
});

test('without being asked only into the same meeting', async () => {
  const lost = async () => {
    const all = world();
    await all.meeting.enter(all.entry);
    all.answers.relay = () => new Error('down');
    all.opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(70_000);
    expect(all.meeting.phase.value).toEqual({ at: 'over', ending: 'connection_lost' });
    all.answers.relay = () => null;
    return all;
  };
  const same = await lost();
  same.answers.join = () => new TypeError('the network is not quite there');
  const back = same.meeting.goBack();
  await vi.advanceTimersByTimeAsync(1_000);
  await back;
  expect(same.meeting.phase.value.at).toBe('in');

  const other = await lost();
  other.answers.join = () =>
    json(200, { ...admission('t9'), conference: { id: 10, subject: 'Board' } });
  await other.meeting.goBack();
  expect(other.meeting.phase.value).toEqual({ at: 'over', ending: 'moved' });

  const over = await lost();
  over.answers.join = refusal('ended');
  const asked = over.joins().length;
  await over.meeting.goBack();
  expect(over.meeting.phase.value).toEqual({ at: 'over', ending: 'ended' });
  expect(over.joins().length).toBe(asked + 1);
});

test('what is switched off while we come back is off when the page is loaded again', async () => {
  const { meeting, entry, answers, opened, stays } = world();
  await meeting.enter(entry);
  answers.relay = () => new Error('down');
  opened[0]?.ended('connection_lost');
  meeting.wish('mic', false);
  expect(stays.at(-1)).toMatchObject({ token: 't1', mic: false, camera: true });
});

test('a link that opens nothing is not kept', async () => {
  for (const refuse of [refusal('wrong_pin'), () => json(403, { field: 'moderator_token' })]) {
    const { meeting, entry, answers, stays } = world({ query: '?moderator_token=old#pin=1' });
    answers.join = refuse;
    await meeting.enter(entry);
    expect(stays.at(-1)).toBe(null);
  }
});
