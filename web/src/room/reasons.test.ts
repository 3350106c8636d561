import { expect, test } from 'vitest';
import { mayReturn, parseReason, reasonOf, reasonOfDisconnect } from './reasons';

test('words of the contract are reasons, others are not', () => {
  expect(parseReason('full')).toBe('full');
  expect(parseReason('FULL')).toBeNull();
  expect(parseReason(3)).toBeNull();
});

test('disconnections map to reasons, and a broken connection is no verdict', () => {
  expect(reasonOfDisconnect(1)).toBe('left');
  expect(reasonOfDisconnect(2)).toBe('duplicate');
  expect(reasonOfDisconnect(4)).toBe('removed');
  expect(reasonOfDisconnect(5)).toBe('ended');
  expect(reasonOfDisconnect(8)).toBe('moved');
  expect(reasonOfDisconnect(10)).toBe('expired');
  for (const code of [undefined, 0, 3, 6, 7, 9, 99]) {
    expect(reasonOfDisconnect(code)).toBe('connection_lost');
  }
});

test('the framing page hears a reason for every ending', () => {
  expect(reasonOf('not_found')).toBe('expired');
  expect(reasonOf('unsupported')).toBe('error');
  expect(reasonOf('removed')).toBe('removed');
});

test('nobody returns where they were sent away', () => {
  expect(mayReturn('removed')).toBe(false);
  expect(mayReturn('ended')).toBe(false);
  expect(mayReturn('connection_lost')).toBe(true);
});
