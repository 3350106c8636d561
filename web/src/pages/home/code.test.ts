import { expect, test } from 'vitest';
import { groupDigits, parseCode } from './code';

test('codes are taken as people write them', () => {
  expect(parseCode('1234567')).toBe('1234567');
  expect(parseCode(' 123 456-789 ')).toBe('123456789');
  expect(parseCode('https://acme.example/conf/call/1234567?name=x')).toBe('1234567');
  for (const bad of ['', '12', 'hello', '12345678901234', '../admin']) {
    expect(parseCode(bad)).toBeNull();
  }
});

test('digits are grouped while typing, links are left alone', () => {
  expect(groupDigits('1234567')).toBe('123 456 7');
  expect(groupDigits('123 456 789')).toBe('123 456 789');
  expect(groupDigits('https://a/1')).toBe('https://a/1');
});
