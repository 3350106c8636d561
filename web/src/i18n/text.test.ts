import { expect, test } from 'vitest';
import { chooseLanguage, clock, moment, plural, t } from './text';

test('values are filled in', () => {
  expect(t('toast.joined', { name: 'Ann' })).toBe('Ann joined');
  expect(t('toast.joined')).toBe('{name} joined');
});

test('numbers choose the form', () => {
  expect(plural('room.people.count', 1)).toBe('1 person');
  expect(plural('room.people.count', 4)).toBe('4 people');
});

test('the first wish with a catalogue is taken, else English', () => {
  expect(chooseLanguage(['xx', 'en-GB'])).toBe('en');
  expect(chooseLanguage([])).toBe('en');
});

test('clocks', () => {
  expect(clock(0)).toBe('0:00');
  expect(clock(65)).toBe('1:05');
  expect(clock(3_605)).toBe('1:00:05');
  expect(clock(-4)).toBe('0:00');
});

test('a moment of another day carries its date', () => {
  const now = new Date(2026, 10, 24, 9, 0);
  expect(moment(new Date(2026, 10, 24, 14, 0), now)).not.toMatch(/November/);
  expect(moment(new Date(2026, 10, 25, 14, 0), now)).toMatch(/November/);
});
