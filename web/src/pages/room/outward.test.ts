import { expect, test, vi } from 'vitest';
import { parseRoomPage } from '../../config/page';
import { parseRoomParams } from '../../config/params';
import type { Phase } from '../../room/phase';
import { Outward } from './outward';

/** What the framing page hears when ours goes away in this phase. */
function heard(phase: Phase): unknown[] {
  const parent = { postMessage: vi.fn() };
  const address = 'https://a.example/conf/call/1?events=true';
  const location = { href: address, ancestorOrigins: ['https://partner.example'] };
  const self = { parent, location, document: { referrer: '' }, addEventListener: vi.fn() };
  const params = parseRoomParams(new URL(address));
  const page = parseRoomPage({ code: '1234567' });
  new Outward(self as unknown as Window, page, params).goes(phase);
  return parent.postMessage.mock.calls
    .map(([message]) => message as { event?: string; reason?: string })
    .filter(({ event }) => event !== undefined)
    .map(({ event, reason }) => [event, reason]);
}

test('a page that goes away has left, whether it was in or knocked', () => {
  for (const at of ['in', 'knocking'] as const) {
    expect(heard({ at })).toEqual([
      ['CONFERENCE_CALL_EXIT', 'left'],
      ['UNLOAD', 'left'],
    ]);
  }
  expect(heard({ at: 'lobby' })).toEqual([['UNLOAD', 'left']]);
  expect(heard({ at: 'over', ending: 'ended' })).toEqual([['UNLOAD', 'ended']]);
});
