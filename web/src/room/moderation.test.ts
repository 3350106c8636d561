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

  test('what was switched off at the door stays off over a broken connection', async () => {
    const { meeting, entry, waiting, opened, sessions } = world();
    waiting.value = true;
    await meeting.enter(entry);
    if (sessions[0]) sessions[0].cameraOn.value = false;
    opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(10);
    expect(opened[1]).toMatchObject({ wantMic: true, wantCamera: false, returning: false });
  });

  test('who was in, is sent back to the door, and loses the connection there comes in as they were', async () => {
    const { meeting, entry, waiting, opened, sessions } = world();
    await meeting.enter(entry);
    if (sessions[0]) sessions[0].micOn.value = false;
    opened[0]?.ended('connection_lost');
    waiting.value = true;
    await vi.advanceTimersByTimeAsync(10);
    expect(meeting.phase.value).toEqual({ at: 'knocking' });
    opened[1]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(10);
    expect(opened[2]).toMatchObject({ wantMic: false, wantCamera: true, returning: true });
    await meeting.leave();
    await meeting.again();
    expect(opened[3]).toMatchObject({ wantMic: false, wantCamera: true, returning: false });
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
    answers.control = () => json(409, { code: 'conflict', reason: 'full' });
    expect(await meeting.moderate({ action: 'admit', participant: 4 })).toBe('full');
    expect(await meeting.moderate({ action: 'admit_all' })).toBe('full');
    expect(await meeting.moderate({ action: 'reject', participant: 4 })).toBe('failed');
  });

  test('an order that the relay does not answer has failed after ten seconds', async () => {
    const { meeting, entry, answers } = world();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), milliseconds);
      return abort.signal;
    });
    await meeting.enter(entry);
    answers.control = () => new Promise(() => undefined);
    const outcome = meeting.moderate({ action: 'mute_all' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toBe('failed');
    timeout.mockRestore();
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
