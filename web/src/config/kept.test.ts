import { expect, test } from 'vitest';
import { Keeper, type Entry } from './kept';
import { parseRoomParams } from './params';

/** A page's entry in the history, which outlives the page. */
function entry(first: unknown = null): Entry & { shown: string | null } {
  let state = first;
  return {
    get state() {
      return state;
    },
    shown: null,
    replaceState(next: unknown, _title: string, address?: string | URL | null) {
      state = structuredClone(next);
      if (address) this.shown = String(address);
    },
  };
}

const stay = { token: 't1', name: 'Ann', mic: false, camera: true };

test('a page that is loaded again has what its address held, and who we were', () => {
  const history = entry();
  const first = new Keeper(history);
  const address = 'https://a.example/conf/call/1?moderator_token=m&pass=p#pin=1234';
  first.complete(parseRoomParams(new URL(address)), 'Ann', 'https://a.example/conf/call/1');
  first.keepStay(stay);
  expect(history.shown).toBe('https://a.example/conf/call/1');

  const again = new Keeper(history);
  const params = parseRoomParams(new URL('https://a.example/conf/call/1'));
  again.complete(params, null, 'https://a.example/conf/call/1');
  expect(params).toMatchObject({ moderatorToken: 'm', pin: '1234', pass: 'p' });
  expect([again.guest, again.stay]).toEqual(['Ann', stay]);
  again.keepStay(null);
  expect(new Keeper(history).stay).toBe(null);
  expect(history.state).toMatchObject({ moderatorToken: null, pin: null, pass: 'p' });
});

test('what the address says goes before what it said', () => {
  const history = entry({ pin: '1234', moderatorToken: 'm' });
  const params = parseRoomParams(new URL('https://a.example/conf/call/1#pin=9'));
  new Keeper(history).complete(params, null, 'https://a.example/conf/call/1');
  expect(params).toMatchObject({ pin: '9', moderatorToken: 'm' });
});

test('a join token in the address is a stay that has not begun', () => {
  const claims = Buffer.from(JSON.stringify({ name: 'Zoë', sub: 'p7' })).toString('base64url');
  const token = `e30.${claims}.c2ln`;
  const history = entry();
  const open = (address: string) => {
    const keeper = new Keeper(history);
    keeper.complete(parseRoomParams(new URL(address)), null, 'https://a.example/conf/call/1');
    return keeper;
  };
  const first = open(`https://a.example/conf/call/1#token=${token}`);
  expect(first.stay).toEqual({ token, name: 'Zoë', mic: true, camera: true });
  expect(open('https://a.example/conf/call/1').stay).toEqual(first.stay);
  // What the page has become goes before what its address says.
  first.keepStay(stay);
  expect(open(`https://a.example/conf/call/1?token=${token}`).stay).toEqual(stay);
  const malformed = new Keeper(entry());
  const params = parseRoomParams(new URL('https://a.example/conf/call/1?token=none'));
  malformed.complete(params, null, 'https://a.example/conf/call/1');
  expect(malformed.stay).toBe(null);
});

test('a browser that takes no more changes costs nothing but what is kept', () => {
  const history = entry();
  const keeper = new Keeper(history);
  history.replaceState = () => {
    throw new DOMException('too many calls', 'SecurityError');
  };
  expect(() => keeper.keepStay(stay)).not.toThrow();
  expect(new Keeper(history).stay).toBe(null);
});

test('what others have left in the history does no harm', () => {
  for (const state of [7, 'text', [], { stay: 1, pin: {} }, { stay: { token: 't' } }]) {
    const keeper = new Keeper(entry(state));
    const params = parseRoomParams(new URL('https://a.example/conf/call/1'));
    keeper.complete(params, null, 'https://a.example/conf/call/1');
    expect([keeper.stay, params.pin]).toEqual([null, null]);
  }
});
