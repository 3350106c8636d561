import { describe, expect, test } from 'vitest';
import { parseAsker, parseRules } from './rules';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('what the relay tells', () => {
  test('the room’s rules are read from its metadata', () => {
    expect(parseRules('{"locked":true,"mute_mode":"q&a"}')).toEqual({
      locked: true,
      muteMode: 'q&a',
    });
  });

  test('a room that says nothing, or nonsense, is an ordinary meeting', () => {
    for (const metadata of [undefined, '', '{', 'null', '7', '{"locked":1,"mute_mode":"loud"}']) {
      expect(parseRules(metadata)).toEqual({ locked: false, muteMode: 'conversation' });
    }
  });

  test('who asks to unmute is a number, or somebody outside', () => {
    expect(parseAsker(bytes('{"by":3}'))).toBe(3);
    for (const text of ['{}', '', 'null', '{"by":"3"}']) expect(parseAsker(bytes(text))).toBeNull();
  });
});
