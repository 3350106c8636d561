import { expect, test } from 'vitest';
import { relayTries } from './retry';

test('a relay nearby is soon asked again, one far away is given time', () => {
  expect(relayTries(20)).toEqual([250, 250, 500, 8_000]);
  expect(relayTries(300)).toEqual([1_200, 1_200, 2_400, 8_000]);
  expect(relayTries(2_000)).toEqual([8_000]);
});
