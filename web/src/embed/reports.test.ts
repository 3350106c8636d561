import { signal } from '@preact/signals';
import { expect, test, vi } from 'vitest';
import { Roster } from '../room/roster';
import type { Channel } from './channel';
import { report, type Watched } from './reports';

function watched() {
  const roster = new Roster(() => 0);
  const rules = signal({ locked: false, muteMode: 'conversation' });
  const all = {
    roster,
    meeting: {
      phase: signal({ at: 'in' }),
      admission: signal({ conference: { id: 9, subject: 'Tea' } }),
      rules,
    },
    devices: { all: signal([]), chosen: signal({}) },
    incomingVideo: signal(true),
    audioLevels: false,
  } as unknown as Watched;
  const send = vi.fn();
  const stop = report({ send } as unknown as Channel, all);
  const told = (type: string) =>
    send.mock.calls.filter(([sent]) => sent === type).map(([, , fields]) => fields as object);
  return { roster, rules, stop, told };
}

const bob = { identity: 'p2', number: 2, name: 'Bob' };

test('who waits is told of as joining, then as a participant or as gone', () => {
  const { roster, told, stop } = watched();
  roster.wait(bob);
  expect(told('participant')).toMatchObject([{ id: 2, isJoining: true, isOnCall: false }]);
  roster.arrive({ ...bob, isLocal: false, joinedAt: 0 });
  expect(told('participant').slice(1)).toMatchObject([
    { id: 2, isJoining: false, isLeft: false, isOnCall: true },
  ]);
  roster.wait({ identity: 'p3', number: 3, name: 'Cleo' });
  roster.leave('p3');
  expect(told('participant').at(-1)).toMatchObject({ id: 3, isJoining: false, isLeft: true });
  stop();
});

test('lock and mode are the room’s, as they change', () => {
  const { rules, told, stop } = watched();
  expect(told('conference')).toMatchObject([{ isLocked: false, mode: 'conversation' }]);
  rules.value = { locked: true, muteMode: 'presentation' };
  expect(told('conference').at(-1)).toMatchObject({ isLocked: true, mode: 'presentation' });
  stop();
});
