import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NOON, admission, json, world } from './meeting.fixture';

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOON);
});
afterEach(() => vi.useRealTimers());

describe('the waiting room', () => {
  test('whoever knocks is in once a moderator opens', async () => {
    const { meeting, entry, waiting } = world();
    waiting.value = true;
    await meeting.enter(entry);
    expect(meeting.phase.value).toEqual({ at: 'knocking' });
    waiting.value = false;
    expect(meeting.phase.value).toEqual({ at: 'in' });
  });

  test('a broken connection knocks again, with the devices as they were chosen', async () => {
    const { meeting, entry, waiting, opened } = world();
    waiting.value = true;
    await meeting.enter(entry);
    opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(10);
    expect(meeting.phase.value).toEqual({ at: 'knocking' });
    expect(opened[1]).toMatchObject({ wantMic: true, wantCamera: true, returning: false });
    waiting.value = false;
    expect(meeting.phase.value).toEqual({ at: 'in' });
  });

  test('who is turned away is told so', async () => {
    const { meeting, entry, waiting, opened, endings } = world();
    waiting.value = true;
    await meeting.enter(entry);
    opened[0]?.ended('rejected');
    waiting.value = false;
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'rejected' });
    expect(endings).toEqual(['rejected']);
  });
});

describe('moderation', () => {
  test('an order goes to our relay under the join token', async () => {
    const { meeting, entry, calls, answers } = world();
    await meeting.enter(entry);
    expect(await meeting.moderate({ action: 'mute', participant: 4 })).toBe('done');
    const call = calls.at(-1);
    expect(call?.path).toBe('http://r1.example/room/control');
    expect(call?.body).toEqual({ action: 'mute', participant: 4 });
    expect(call?.headers.get('authorization')).toBe('Bearer t1');
    answers.control = () => json(404, {});
    expect(await meeting.moderate({ action: 'admit', participant: 4 })).toBe('gone');
    answers.control = () => json(403, {});
    expect(await meeting.moderate({ action: 'lock' })).toBe('failed');
  });

  test('who moderates is what the room says, and before that what the token does', async () => {
    const { meeting, roster, entry, answers } = world();
    answers.join = () => json(200, { ...admission('t1'), role: 'moderator' });
    await meeting.enter(entry);
    expect(meeting.moderates.value).toBe(true);
    const joinedAt = NOON;
    const me = roster.arrive({ identity: 'p1', number: 1, name: 'Ann', isLocal: true, joinedAt });
    expect(meeting.moderates.value).toBe(false);
    me.moderator.value = true;
    expect(meeting.moderates.value).toBe(true);
  });
});
