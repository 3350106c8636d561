import { expect, test } from 'vitest';
import { EMPTY_FLOOR, floorDue, nextFloor, withoutSpeaker } from './speakers';

const options = { takeAfter: 700, keepFor: 2000 };
const hear = (floor: typeof EMPTY_FLOOR, speakers: string[], now: number) =>
  nextFloor(floor, speakers, now, options);

test('the first to speak gets the floor at once', () => {
  expect(hear(EMPTY_FLOOR, ['a'], 10).holder).toBe('a');
});

test('a cough does not take the floor', () => {
  let floor = hear(EMPTY_FLOOR, ['a'], 0);
  floor = hear(floor, ['b'], 5000);
  floor = hear(floor, [], 5300);
  floor = hear(floor, ['b'], 5900);
  expect(floor.holder).toBe('a');
});

test('whoever goes on speaking takes it', () => {
  let floor = hear(EMPTY_FLOOR, ['a'], 0);
  floor = hear(floor, ['b'], 5000);
  expect(floorDue(floor, options)).toBe(5700);
  floor = hear(floor, ['b'], 5700);
  expect(floor.holder).toBe('b');
});

test('the holder keeps it for a while, and while still speaking', () => {
  let floor = hear(EMPTY_FLOOR, ['a'], 0);
  floor = hear(floor, ['b'], 100);
  floor = hear(floor, ['b'], 900);
  expect(floor.holder).toBe('a');
  floor = hear(floor, ['b', 'a'], 4000);
  expect(floor.holder).toBe('a');
});

test('silence leaves the floor where it is, and going gives it up', () => {
  const floor = hear(EMPTY_FLOOR, ['a'], 0);
  expect(hear(floor, [], 9000).holder).toBe('a');
  expect(withoutSpeaker(floor, 'a').holder).toBeNull();
  expect(withoutSpeaker(floor, 'b').holder).toBe('a');
});
