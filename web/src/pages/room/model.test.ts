import { signal } from '@preact/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Stay } from '../../config/kept';
import { parseRoomPage } from '../../config/page';
import { parseRoomParams } from '../../config/params';
import type { OrderOutcome } from '../../room/orders';
import type { Rules } from '../../room/rules';
import type { Session } from '../../room/session';
import type { Surroundings } from '../../room/surroundings';
import { RoomModel } from './model';

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('HTMLMediaElement', EventTarget);
});
afterEach(() => vi.useRealTimers());

const person = (number: number, isLocal = false) => ({
  identity: `p${number}`,
  number,
  name: `Person ${number}`,
  isLocal,
  joinedAt: number,
});

/** The model of a page at this address, with a session as if it had joined. */
async function room({
  query = '',
  waits = false,
  stay = null,
}: { query?: string; waits?: boolean; stay?: Stay | null } = {}) {
  const location = { href: `https://a.example/conf/call/1${query}` };
  const window = Object.assign(new EventTarget(), {
    location,
    document: new EventTarget(),
    navigator: {},
    RTCPeerConnection: EventTarget,
  });
  Object.assign(window, { parent: window });
  const page = parseRoomPage({ code: '1234567' });
  const model = new RoomModel(
    page,
    parseRoomParams(new URL(location.href)),
    { stay, keepStay: () => undefined },
    window as unknown as Window,
  );
  await model.start();
  const session = {
    reconnecting: signal(false),
    silent: signal(false),
    micOn: signal(false),
    cameraOn: signal(false),
    sharing: signal(false),
    mayUnmute: signal(true),
    waiting: signal(waits),
    rules: signal<Rules>({ locked: false, muteMode: 'conversation' }),
    setMic: vi.fn(() => Promise.resolve()),
    setCamera: vi.fn(() => Promise.resolve()),
    startShare: vi.fn(() => Promise.resolve(true)),
  };
  model.meeting.session.value = session as unknown as Session;
  model.meeting.phase.value = { at: waits ? 'knocking' : 'in' };
  const toasts = () => model.toasts.list.value.map(({ text }) => text);
  const asked = (by: number | null) => around(model).askedToUnmute(by);
  return { model, session, toasts, asked, window };
}

// What the relay has the page do comes by the meeting's surroundings.
const around = (model: RoomModel) => Reflect.get(model.meeting, 'around') as Surroundings;

test('being asked to unmute waits until the dialog that is open has closed', async () => {
  const { model, asked } = await room();
  model.roster.arrive(person(7));
  model.dialog.value = 'settings';
  asked(7);
  expect(model.dialog.value).toBe('settings');
  expect(model.asked.value?.by?.number).toBe(7);
  model.dialog.value = null;
  expect(model.dialogOpen.value).toBe(true);
  await model.setMic(true);
  expect(model.dialogOpen.value).toBe(false);
});

test('who is unmuted, or has no microphone button, is not asked to unmute', async () => {
  const unmuted = await room();
  unmuted.session.micOn.value = true;
  unmuted.asked(null);
  expect(unmuted.model.asked.value).toBeNull();
  const without = await room({ query: '?hide=mic' });
  expect(without.model.shows('mic')).toBe(false);
  without.asked(null);
  expect(without.model.asked.value).toBeNull();
});

test('at the door devices are chosen whatever the rules inside, and no screen is shared', async () => {
  const { model, session } = await room({ waits: true });
  session.mayUnmute.value = false;
  await model.setMic(true);
  expect(session.setMic).toHaveBeenCalledWith(true, null);
  expect(model.devices.granted.has('mic')).toBe(false);
  await model.setSharing(true);
  expect(session.startShare).not.toHaveBeenCalled();
  model.meeting.phase.value = { at: 'in' };
  session.waiting.value = false;
  await model.setMic(true);
  expect(session.setMic).toHaveBeenCalledOnce();
  await model.setSharing(true);
  expect(session.startShare).toHaveBeenCalledOnce();
});

test('to be let in is read out; to be sent back to the door closes dialogs', async () => {
  const { model } = await room({ waits: true });
  model.meeting.phase.value = { at: 'in' };
  expect(model.toasts.spoken.value).toBe('You have been let in');
  model.dialog.value = 'settings';
  model.meeting.phase.value = { at: 'knocking' };
  expect(model.dialog.value).toBeNull();
});

test('moderators hear of everybody who comes to the door, others of nobody', async () => {
  const { model } = await room();
  const me = model.roster.arrive(person(1, true));
  model.roster.wait(person(2));
  expect(model.toasts.spoken.value).toBe('');
  me.moderator.value = true;
  expect(model.toasts.spoken.value).toBe('Person 2 is waiting to be let in.');
  model.panel.value = 'people';
  model.roster.wait(person(3));
  expect(model.toasts.spoken.value).toBe('Person 3 is waiting to be let in.');
  model.toasts.say('');
  model.roster.leave('p2');
  expect(model.toasts.spoken.value).toBe('');
});

test('all who wait are admitted by one order, and what went wrong is told once', async () => {
  const { model, toasts } = await room();
  for (let number = 2; number < 62; number += 1) model.roster.wait(person(number));
  const outcomes: OrderOutcome[] = ['full', 'failed', 'done'];
  const moderate = vi.spyOn(model.meeting, 'moderate');
  moderate.mockImplementation(() => Promise.resolve(outcomes.pop() ?? 'done'));
  await model.admitAll();
  expect(moderate.mock.calls).toEqual([[{ action: 'admit_all' }]]);
  expect(toasts()).toEqual([]);
  await model.admitAll();
  expect(toasts()).toEqual(['That could not be done. Please try again.']);
  await model.admitAll();
  expect(toasts().slice(1)).toEqual(['The meeting is full. Nobody else can be let in now.']);
});

test('time in the meeting goes on over a broken connection, and begins anew with another visit', async () => {
  const { model } = await room();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(model.elapsed.value).toBe(10);
  model.meeting.phase.value = { at: 'in' };
  expect(model.elapsed.value).toBe(10);
  model.meeting.phase.value = { at: 'knocking' };
  await vi.advanceTimersByTimeAsync(5_000);
  model.meeting.phase.value = { at: 'in' };
  expect(model.elapsed.value).toBe(15);
  around(model).left('left');
  model.meeting.phase.value = { at: 'over', ending: 'left' };
  expect(model.elapsed.value).toBe(0);
  await vi.advanceTimersByTimeAsync(5_000);
  model.meeting.phase.value = { at: 'in' };
  expect(model.elapsed.value).toBe(0);
});

test('whoever comes a moment after us is no news, also when we come back', async () => {
  const { model, toasts } = await room();
  model.roster.arrive(person(2));
  await vi.advanceTimersByTimeAsync(10_000);
  model.roster.arrive(person(3));
  expect(toasts()).toEqual(['Person 3 joined']);
  model.meeting.phase.value = { at: 'in' };
  model.roster.arrive(person(4));
  expect(toasts()).toHaveLength(1);
});

test('a lost connection is taken up again with the network, unless it was lost long ago', async () => {
  for (const [ending, minutes, times] of [
    ['connection_lost', 9, 1],
    ['connection_lost', 11, 0],
    ['left', 0, 0],
  ] as const) {
    const { model, window } = await room();
    const goBack = vi.spyOn(model.meeting, 'goBack').mockResolvedValue();
    model.meeting.session.value = null;
    model.meeting.phase.value = { at: 'over', ending };
    around(model).left(ending);
    vi.setSystemTime(Date.now() + minutes * 60_000);
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(goBack).toHaveBeenCalledTimes(times);
  }
});

test('a lock and who is heard are told when they change, not when one comes in', async () => {
  const { model, toasts } = await room();
  const { rules } = model.meeting;
  rules.value = { locked: true, muteMode: 'conversation' };
  expect(toasts()).toEqual(['The meeting is locked. Nobody new gets in.']);
  model.toasts.clear();
  rules.value = { locked: false, muteMode: 'presentation' };
  expect(toasts()).toEqual([
    'The meeting is unlocked',
    'Only moderators, and whom they ask, are heard now',
  ]);
  model.meeting.phase.value = { at: 'over', ending: 'left' };
  rules.value = { locked: true, muteMode: 'presentation' };
  model.meeting.phase.value = { at: 'in' };
  expect(toasts()).toEqual([]);
});

test('a page that is loaded again goes on to no other one', async () => {
  const assign = vi.fn();
  const { model, window } = await room();
  Object.assign(window.location, { assign });
  vi.spyOn(model.meeting, 'afterCallUrl', 'get').mockReturnValue('https://a.example/bye');
  window.dispatchEvent(new Event('beforeunload'));
  around(model).left('left');
  expect(assign).not.toHaveBeenCalled();
  window.dispatchEvent(new Event('pageshow'));
  around(model).left('left');
  expect(assign).toHaveBeenCalledWith('https://a.example/bye');
});

test('what the address says is off is not opened, nor what was off before', async () => {
  const stay = { token: 't', name: 'Ann', mic: true, camera: false };
  const wanted = async (query: string, before: Stay | null) =>
    (await room({ query, stay: before })).model.wanted;
  expect(await wanted('', null)).toEqual({ mic: true, camera: true });
  expect(await wanted('', stay)).toEqual({ mic: true, camera: false });
  expect(await wanted('?mute=mic', stay)).toEqual({ mic: false, camera: false });
});
