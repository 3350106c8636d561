import { expect, test } from 'vitest';
import { galleryOrder, hueOf, initials, Person } from './people';

const person = (number: number, isLocal = false) =>
  new Person(`p${number}`, number, isLocal, `Person ${number}`, number * 1000);

test('initials are of the first and last word', () => {
  expect(initials('Ada Lovelace')).toBe('AL');
  expect(initials('  prince ')).toBe('P');
  expect(initials('Ana María de la Cruz')).toBe('AC');
  expect(initials('👩‍🚀 Kim')).toBe('👩‍🚀K');
  expect(initials('')).toBe('?');
});

test('a colour is steady and within its range', () => {
  expect(hueOf('p1', 8)).toBe(hueOf('p1', 8));
  for (let n = 0; n < 50; n += 1) {
    const hue = hueOf(`p${n}`, 8);
    expect(hue >= 0 && hue < 8).toBe(true);
  }
});

test('we come first, the others by arrival', () => {
  const people = [person(3), person(1), person(2, true)];
  const order = galleryOrder(people, 10, new Map()).map((p) => p.number);
  expect(order).toEqual([2, 1, 3]);
});

test('a speaker of a later page takes the place of the quietest of the first', () => {
  const people = [person(1, true), person(2), person(3), person(4), person(5)];
  const spoke = new Map([
    ['p2', 500],
    ['p5', 900],
  ]);
  const order = galleryOrder(people, 3, spoke).map((p) => p.number);
  expect(order.slice(0, 3)).toEqual([1, 2, 5]);
  expect(new Set(order).size).toBe(5);
});
