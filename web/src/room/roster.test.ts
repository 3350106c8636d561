import { expect, test, vi } from 'vitest';
import { Roster } from './roster';

const arrival = (number: number, isLocal = false) => ({
  identity: `p${number}`,
  number,
  name: `Person ${number}`,
  isLocal,
  joinedAt: number,
});

test('people arrive once, are renamed, and go', () => {
  const arrived = vi.fn();
  const gone = vi.fn();
  const roster = new Roster(() => 0, { arrived, gone });
  const ann = roster.arrive(arrival(1));
  expect(roster.arrive({ ...arrival(1), name: 'Ann' })).toBe(ann);
  expect(ann.name.value).toBe('Ann');
  expect(roster.byNumber(1)).toBe(ann);
  roster.leave('p1');
  roster.leave('p1');
  expect(roster.people.value).toEqual([]);
  expect([arrived.mock.calls.length, gone.mock.calls.length]).toEqual([1, 1]);
});

test('a reconnection drops those who went meanwhile, never ourselves', () => {
  const roster = new Roster(() => 0);
  roster.arrive(arrival(1, true));
  roster.arrive(arrival(2));
  roster.arrive(arrival(3));
  roster.keepOnly(new Set(['p3']));
  expect(roster.people.value.map((person) => person.number)).toEqual([1, 3]);
});

test('speaking is marked, and the stage turns after a while but never to ourselves', () => {
  vi.useFakeTimers();
  vi.setSystemTime(1_000_000);
  const roster = new Roster(Date.now);
  const me = roster.arrive(arrival(1, true));
  roster.arrive(arrival(2));
  roster.arrive(arrival(3));
  roster.hear([{ identity: 'p1', level: 0.9 }]);
  expect(me.speaking.value).toBe(true);
  expect(roster.floor.value).toBeNull();
  roster.hear([{ identity: 'p2', level: 0.5 }]);
  expect(roster.floor.value).toBe('p2');
  expect(me.speaking.value).toBe(false);
  vi.advanceTimersByTime(5_000);
  roster.hear([{ identity: 'p3', level: 0.5 }]);
  expect(roster.floor.value).toBe('p2');
  vi.advanceTimersByTime(800);
  expect(roster.floor.value).toBe('p3');
  roster.leave('p3');
  expect(roster.floor.value).toBeNull();
  vi.useRealTimers();
});

test('nobody is in two lists, whichever is told first', () => {
  const gone = vi.fn();
  const roster = new Roster(() => 0, { gone });
  roster.arrive(arrival(2));
  roster.wait({ identity: 'p2', number: 2, name: 'Person 2' });
  expect(roster.people.value).toEqual([]);
  expect(roster.waiting.value.map(({ number }) => number)).toEqual([2]);
  expect(gone).toHaveBeenCalledOnce();
  const known = roster.arrive(arrival(2));
  expect(roster.waiting.value).toEqual([]);
  // Told again of somebody who is in.
  roster.waiting.value = [{ identity: 'p2', number: 2, name: 'Person 2' }];
  expect(roster.arrive(arrival(2))).toBe(known);
  expect(roster.waiting.value).toEqual([]);
});

test('who waits, told again, is no news; another name is', () => {
  const roster = new Roster(() => 0);
  const changes = vi.fn();
  const bob = { identity: 'p2', number: 2, name: 'Bob' };
  roster.wait(bob);
  roster.waiting.subscribe(changes);
  roster.wait({ ...bob });
  expect(changes).toHaveBeenCalledOnce();
  roster.wait({ ...bob, name: 'Rob' });
  expect(changes).toHaveBeenCalledTimes(2);
});

test('who waits is no participant, and stops waiting by coming in or by going', () => {
  const arrived = vi.fn();
  const gone = vi.fn();
  const roster = new Roster(() => 0, { arrived, gone });
  const waiting = (number: number) => ({
    identity: `p${number}`,
    number,
    name: `Person ${number}`,
  });
  roster.arrive(arrival(1, true));
  roster.wait(waiting(2));
  roster.wait(waiting(3));
  roster.wait({ ...waiting(2), name: 'Bob' });
  expect(roster.waiting.value.map(({ name }) => name)).toEqual(['Bob', 'Person 3']);
  expect(roster.people.value.length).toBe(1);
  roster.arrive(arrival(2));
  expect(roster.waiting.value.map(({ number }) => number)).toEqual([3]);
  roster.leave('p3');
  expect(roster.waiting.value).toEqual([]);
  expect([arrived.mock.calls.length, gone.mock.calls.length]).toEqual([2, 0]);
  roster.wait(waiting(4));
  roster.keepOnly(new Set(['p2']));
  expect(roster.waiting.value).toEqual([]);
  expect(roster.people.value.map(({ number }) => number)).toEqual([1, 2]);
});
