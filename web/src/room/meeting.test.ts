import { effect } from '@preact/signals';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NOON, RELAYS, admission, json, refusal, world } from './meeting.fixture';
import { RelayRefused } from './session';

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOON);
});
afterEach(() => vi.useRealTimers());

describe('the first sight', () => {
  test('an open meeting asks for a name', async () => {
    const { meeting } = world();
    await meeting.start();
    expect(meeting.phase.value).toEqual({ at: 'lobby' });
  });

  test('a wrong code and an ended meeting are told at once', async () => {
    for (const state of ['not_found', 'ended'] as const) {
      const { meeting, endings } = world({ page: { conference: { state } } });
      await meeting.start();
      expect(meeting.phase.value).toEqual({ at: 'over', ending: state });
      expect(endings).toEqual([state]);
    }
  });

  test('a browser that cannot meet is told so', async () => {
    const { meeting } = world();
    await meeting.start(false);
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'unsupported' });
  });

  test('too early waits, and the lobby opens 15 minutes before the start', async () => {
    const conference = { state: 'not_started', starts_at: '2026-11-24T12:20:00Z' };
    const { meeting, answers } = world({ page: { conference } });
    answers.look = () => ({ state: 'open' });
    await meeting.start();
    expect(meeting.phase.value.at).toBe('waiting');
    await vi.advanceTimersByTimeAsync(4 * 60_000);
    expect(meeting.phase.value.at).toBe('waiting');
    await vi.advanceTimersByTimeAsync(70_000);
    expect(meeting.phase.value.at).toBe('lobby');
  });

  test('a meeting that its host opens is looked at until it is open', async () => {
    const { meeting, answers } = world({ page: { conference: { state: 'not_started' } } });
    await meeting.start();
    expect(meeting.phase.value).toMatchObject({ at: 'waiting', startsAt: null });
    await vi.advanceTimersByTimeAsync(30_000);
    answers.look = () => ({ state: 'not_started' });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(meeting.phase.value.at).toBe('waiting');
    answers.look = () => ({ state: 'open' });
    await vi.advanceTimersByTimeAsync(13_000);
    expect(meeting.phase.value).toEqual({ at: 'lobby' });
  });

  test('the door opens when the server says so', async () => {
    const conference = {
      state: 'not_started',
      starts_at: '2026-11-24T13:00:00Z',
      opens_at: '2026-11-24T12:50:00Z',
    };
    const { meeting } = world({ page: { conference } });
    await meeting.start();
    expect(meeting.phase.value).toMatchObject({ opensAt: Date.parse('2026-11-24T12:50:00Z') });
  });

  describe('where guests register first', () => {
    const conference = { registration: { path: '/register/9', name: null } };

    test('nobody comes in without a pass', async () => {
      const { meeting } = world({ page: { conference } });
      await meeting.start();
      expect(meeting.phase.value).toEqual({ at: 'over', ending: 'unregistered' });
    });

    test('moderators need none', async () => {
      const { meeting } = world({ page: { conference }, query: '?moderator_token=m' });
      await meeting.start();
      expect(meeting.phase.value).toEqual({ at: 'lobby' });
    });

    test('a pass is judged at the door', async () => {
      const { meeting, answers, entry, joins } = world({ page: { conference }, query: '?pass=p' });
      await meeting.start();
      expect(meeting.phase.value).toEqual({ at: 'lobby' });
      answers.join = () => json(403, { code: 'forbidden', field: 'pass' });
      await meeting.enter(entry);
      expect(joins()[0]?.body).toMatchObject({ pass: 'p' });
      expect(meeting.phase.value).toEqual({ at: 'over', ending: 'unregistered' });
    });
  });

  test('a handoff becomes a session that travels with the join, and the door decides', async () => {
    const conference = { state: 'not_started', starts_at: '2026-11-24T12:20:00Z' };
    const { meeting, entry, joins } = world({ page: { conference }, query: '#handoff=h' });
    await meeting.start();
    expect(meeting.phase.value.at).toBe('lobby');
    await meeting.enter(entry);
    expect(joins()[0]?.headers.get('authorization')).toBe('Session sess');
    expect(meeting.signedIn).toBe(true);
    expect(meeting.accountName).toBe('Hana');
    expect(meeting.afterCallUrl).toBe('/bye');
  });
});

describe('going in', () => {
  test('asks with code, name and what the address holds, then connects', async () => {
    const { meeting, entry, joins, opened } = world({
      query: '?observer=1&moderator_token=m&pin=1234&res=360',
    });
    await meeting.enter(entry);
    expect(joins()[0]?.body).toEqual({
      code: '1234567',
      name: 'Ann',
      pin: '1234',
      moderator_token: 'm',
      observer: true,
    });
    expect(meeting.phase.value).toEqual({ at: 'in' });
    expect(opened[0]).toMatchObject({ observer: true, lines: 360, wantMic: true });
  });

  test('a PIN is asked for, and a wrong one is said to be wrong', async () => {
    const { meeting, entry, answers, joins } = world();
    answers.join = ({ pin }) => (pin === '1' ? json(200, admission('t')) : refusal('wrong_pin')());
    await meeting.enter(entry);
    expect(meeting.phase.value).toEqual({ at: 'pin', wrong: false });
    await meeting.enterPin('9');
    expect(meeting.phase.value).toEqual({ at: 'pin', wrong: true });
    await meeting.enterPin('1');
    expect(meeting.phase.value).toEqual({ at: 'in' });
    expect(joins().map((call) => call.body['pin'])).toEqual([undefined, '9', '1']);
  });

  test('every refusal ends on its own page', async () => {
    for (const reason of ['full', 'locked', 'expired', 'ended', 'rejected'] as const) {
      const { meeting, entry, answers, endings } = world();
      answers.join = refusal(reason);
      await meeting.enter(entry);
      expect(meeting.phase.value).toEqual({ at: 'over', ending: reason });
      expect(endings).toEqual([reason]);
    }
  });

  test('too early: comes in by itself when the door opens', async () => {
    const { meeting, entry, answers, joins } = world();
    answers.join = refusal('not_started', { starts_at: '2026-11-24T12:30:00Z', subject: 'S' });
    await meeting.enter(entry);
    expect(meeting.phase.value).toEqual({
      at: 'waiting',
      startsAt: Date.parse('2026-11-24T12:30:00Z'),
      opensAt: Date.parse('2026-11-24T12:15:00Z'),
      subject: 'S',
    });
    await vi.advanceTimersByTimeAsync(14 * 60_000);
    expect(joins()).toHaveLength(1);
    answers.join = () => json(200, admission('t'));
    await vi.advanceTimersByTimeAsync(65_000);
    expect(meeting.phase.value).toEqual({ at: 'in' });
  });

  test('waiting for the host knocks again and again', async () => {
    const { meeting, entry, answers, joins } = world();
    answers.join = refusal('not_started');
    await meeting.enter(entry);
    expect(meeting.phase.value).toMatchObject({ at: 'waiting', startsAt: null });
    await vi.advanceTimersByTimeAsync(31_000);
    expect(joins().length).toBe(4);
    answers.join = () => json(200, admission('t'));
    await vi.advanceTimersByTimeAsync(12_000);
    expect(meeting.phase.value.at).toBe('in');
  });

  test('too many attempts count down', async () => {
    const { meeting, entry, answers } = world();
    answers.join = () => json(429, {}, { 'retry-after': '3' });
    await meeting.enter(entry);
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'busy' });
    expect(meeting.retryAfter.value).toBe(3);
    await vi.advanceTimersByTimeAsync(3_100);
    expect(meeting.retryAfter.value).toBe(0);
  });

  test('a relay that fails gives way to the next; a verdict is final', async () => {
    const { meeting, entry, answers, opened } = world();
    answers.join = () => json(200, admission('t', RELAYS));
    answers.relay = ({ relay }) => (relay.region === 'a' ? new Error('down') : null);
    await meeting.enter(entry);
    expect(opened.map(({ relay }) => relay.region)).toEqual(['b']);

    const second = world();
    second.answers.relay = () => new RelayRefused('full');
    await second.meeting.enter(second.entry);
    expect(second.meeting.phase.value).toEqual({ at: 'over', ending: 'full' });
  });

  test('no relay at all is an error that may be tried again', async () => {
    const { meeting, entry, answers } = world();
    answers.relay = () => new Error('down');
    await meeting.enter(entry);
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'error' });
    answers.relay = () => null;
    await meeting.again();
    expect(meeting.phase.value).toEqual({ at: 'in' });
  });
});

describe('coming back', () => {
  test('a broken connection asks again with the old token, with what was on', async () => {
    const { meeting, entry, answers, joins, opened, sessions, endings } = world();
    await meeting.enter(entry);
    if (sessions[0]) sessions[0].cameraOn.value = false;
    answers.join = () => json(200, admission('t2'));
    const seemsBack: boolean[] = [];
    const stop = effect(() => {
      seemsBack.push(!meeting.session.value && !meeting.comingBack.value);
    });
    opened[0]?.ended('connection_lost');
    expect(meeting.comingBack.value).toBe(true);
    await vi.advanceTimersByTimeAsync(10);
    stop();
    expect(seemsBack).not.toContain(true);
    expect(joins()[1]?.body['token']).toBe('t1');
    expect(opened[1]?.admission.token).toBe('t2');
    expect(opened[1]).toMatchObject({ wantMic: true, wantCamera: false });
    expect(meeting.comingBack.value).toBe(false);
    expect(meeting.phase.value.at).toBe('in');
    expect(endings).toEqual([]);
  });

  test('what holds for everybody stays as it was told, until another visit', async () => {
    const { meeting, entry, answers, opened, sessions } = world();
    await meeting.enter(entry);
    const told: boolean[] = [];
    meeting.rules.subscribe(({ locked }) => told.push(locked));
    if (sessions[0]) sessions[0].rules.value = { locked: true, muteMode: 'q&a' };
    answers.relay = () => new Error('down');
    opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(10);
    expect(meeting.session.value).toBeNull();
    expect(meeting.rules.value).toEqual({ locked: true, muteMode: 'q&a' });
    expect(told).toEqual([false, true]);
    await meeting.leave();
    answers.relay = () => null;
    await meeting.again();
    expect(meeting.rules.value).toEqual({ locked: false, muteMode: 'conversation' });
  });

  test('while the control plane is away the old token opens the old address', async () => {
    const { meeting, entry, answers, opened } = world();
    await meeting.enter(entry);
    answers.join = () => new TypeError('offline');
    opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(10);
    expect(opened[1]?.admission.token).toBe('t1');
  });

  test('gives up after a minute, and can be asked to join again', async () => {
    const { meeting, entry, answers, opened, endings } = world();
    await meeting.enter(entry);
    answers.relay = () => new Error('down');
    opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(50_000);
    expect(meeting.phase.value.at).toBe('in');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'connection_lost' });
    expect(endings).toEqual(['connection_lost']);
    answers.relay = () => null;
    await meeting.again();
    expect(meeting.phase.value.at).toBe('in');
  });

  test('a machine that was asleep meanwhile goes on trying', async () => {
    const { meeting, entry, answers, opened } = world();
    await meeting.enter(entry);
    answers.relay = () => new Error('down');
    opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(5_000);
    vi.setSystemTime(NOON + 3_600_000);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(meeting.phase.value.at).toBe('in');
    answers.relay = () => null;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(meeting.comingBack.value).toBe(false);
    expect(meeting.phase.value.at).toBe('in');
  });

  test('a meeting that has moved is followed, and another one that has its code is not', async () => {
    const { meeting, entry, answers, opened, joins } = world();
    await meeting.enter(entry);
    answers.join = () => json(200, admission('t2', RELAYS.slice(1)));
    opened[0]?.ended('moved');
    await vi.advanceTimersByTimeAsync(10);
    expect(joins()[1]?.body['token']).toBe('t1');
    expect(opened[1]?.relay.url).toBe('http://r2.example');
    expect(meeting.phase.value).toEqual({ at: 'in' });
    const other = { ...admission('t3'), conference: { id: 10, subject: 'Board' } };
    answers.join = () => json(200, other);
    opened[1]?.ended('moved');
    await vi.advanceTimersByTimeAsync(10);
    expect(opened.length).toBe(2);
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'moved' });
  });

  test('a meeting that ended meanwhile is over', async () => {
    const { meeting, entry, answers, opened } = world();
    await meeting.enter(entry);
    answers.join = refusal('ended');
    opened[0]?.ended('connection_lost');
    await vi.advanceTimersByTimeAsync(10);
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'ended' });
  });
});

describe('leaving', () => {
  test('of one’s own will, once', async () => {
    const { meeting, entry, endings, left, opened } = world();
    await meeting.enter(entry);
    await meeting.leave();
    opened[0]?.ended('connection_lost');
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'left' });
    expect(endings).toEqual(['left']);
    expect(left).toHaveBeenCalledOnce();
  });

  test('by the relay’s word', async () => {
    for (const reason of ['ended', 'removed', 'duplicate', 'expired'] as const) {
      const { meeting, entry, endings, opened } = world();
      await meeting.enter(entry);
      opened[0]?.ended(reason);
      expect(meeting.phase.value).toEqual({ at: 'over', ending: reason });
      expect(endings).toEqual([reason]);
    }
  });

  test('a moderator ends it for everybody, at the relay, with the join token', async () => {
    const { meeting, entry, calls, answers } = world();
    await meeting.enter(entry);
    answers.end = () => json(403, {});
    expect(await meeting.endForAll()).toBe(false);
    expect(meeting.phase.value.at).toBe('in');
    answers.end = () => json(200, {});
    expect(await meeting.endForAll()).toBe(true);
    const call = calls.at(-1);
    expect(call?.path).toBe('http://r1.example/room/end');
    expect(call?.headers.get('authorization')).toBe('Bearer t1');
    expect(meeting.phase.value).toEqual({ at: 'over', ending: 'ended' });
  });
});
