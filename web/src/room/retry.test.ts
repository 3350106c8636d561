import { expect, test } from 'vitest';
import { relayTries } from './retry';

test('a relay nearby is soon asked again, one far away is given time', () => {
  expect(relayTries(20)).toEqual([400, 800, 8_000]);
  expect(relayTries(300)).toEqual([900, 1_800, 8_000]);
  expect(relayTries(2_000)).toEqual([6_000, 8_000]);
  expect(relayTries(60_000)).toEqual([8_000]);
});
