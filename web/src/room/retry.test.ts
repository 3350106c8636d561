import { expect, test } from 'vitest';
import { relayTries } from './retry';

test('a relay nearby is soon asked again, one far away is given time', () => {
  expect(relayTries(20)).toEqual([150, 150, 600, 8_000]);
  expect(relayTries(45)).toEqual([180, 180, 720, 8_000]);
  expect(relayTries(200)).toEqual([800, 800, 3_200, 8_000]);
  expect(relayTries(300)).toEqual([8_000]);
  expect(relayTries(Infinity)).toEqual([8_000]);
});
