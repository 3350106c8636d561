import { expect, test } from 'vitest';
import { socketTries } from './retry';

test('a relay nearby is soon asked by another connection, one far away is given time', () => {
  expect(socketTries(20)).toEqual([100, 100, 200, 400]);
  expect(socketTries(90)).toEqual([162, 162, 324, 648]);
  expect(socketTries(500)).toEqual([900, 900, 1_800, 3_600]);
  expect(socketTries(600)).toEqual([]);
  expect(socketTries(Infinity)).toEqual([]);
});
