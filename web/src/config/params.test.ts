import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REASONS } from '../room/reasons';
import {
  CONTROLS,
  parseBoolean,
  parseRoomParams,
  safeTarget,
  visibleControls,
  withoutSecrets,
} from './params';

const parse = (rest: string) => parseRoomParams(new URL(`https://acme.example/conf/call/1${rest}`));

test('booleans are true, 1 or present without a value', () => {
  for (const value of ['true', 'TRUE', '1', '']) expect(parseBoolean(value)).toBe(true);
  for (const value of ['false', '0', 'no', 'yes', null]) expect(parseBoolean(value)).toBe(false);
});

test('an address without parameters gives the defaults', () => {
  expect(parse('')).toMatchObject({
    name: null,
    skipJoin: false,
    muteMic: false,
    muteCamera: false,
    resolution: 720,
    view: 'gallery',
    tiles: null,
    events: false,
    theme: 'auto',
    showOnly: null,
  });
});

test('every parameter is read', () => {
  const params = parse(
    '?name=Ann%20B&skip_join&mute=mic,camera&observer=1&moderator_token=t&pass=p1&token=j1&res=360&view=bottom_speaker' +
      '&tiles=4&strip_layout=true&audio_level=1&after_call_url=https://x.example&auto_close' +
      '&events=true&hide=chat,%20Share&show_only=volume,leave&theme=dark&lang=de-CH#handoff=h1',
  );
  expect(params).toMatchObject({
    name: 'Ann B',
    skipJoin: true,
    muteMic: true,
    muteCamera: true,
    observer: true,
    moderatorToken: 't',
    pass: 'p1',
    token: 'j1',
    resolution: 360,
    view: 'bottom_speaker',
    tiles: 4,
    stripLayout: true,
    audioLevel: true,
    afterCallUrl: 'https://x.example',
    autoClose: true,
    events: true,
    hide: ['chat', 'share'],
    showOnly: ['volume', 'leave'],
    theme: 'dark',
    lang: 'de-CH',
    handoff: 'h1',
  });
});

test('the PIN of the fragment goes before the one of the query', () => {
  expect(parse('?pin=1#pin=2').pin).toBe('2');
  expect(parse('?pin=1').pin).toBe('1');
});

test('what is malformed counts as absent', () => {
  expect(parse('?res=9000&view=round&tiles=-3&name=%20&theme=pink')).toMatchObject({
    resolution: 720,
    view: 'gallery',
    tiles: null,
    name: null,
    theme: 'auto',
  });
  expect(parse('?tiles=300').tiles).toBe(49);
});

test('controls: hide takes away, show_only leaves nothing else', () => {
  const all = visibleControls({ hide: [], showOnly: null }, []);
  expect(all.size).toBe(CONTROLS.length);
  const some = visibleControls({ hide: ['share'], showOnly: null }, ['camera', 'unknown']);
  expect(some.has('share') || some.has('camera')).toBe(false);
  expect(some.has('mic')).toBe(true);
  const two = visibleControls({ hide: [], showOnly: ['volume', 'leave'] }, []);
  expect([...two].sort()).toEqual(['leave', 'volume']);
});

test('secrets leave the address, the rest stays', () => {
  const url = new URL(
    'https://a.example/conf/call/1?name=A&pin=1&moderator_token=x&pass=y&token=z#handoff=y',
  );
  expect(withoutSecrets(url).href).toBe('https://a.example/conf/call/1?name=A');
});

test('after-call targets are http(s) or paths', () => {
  const base = 'https://a.example/conf/call/1';
  expect(safeTarget('/done', base)).toBe('https://a.example/done');
  expect(safeTarget('https://b.example/x', base)).toBe('https://b.example/x');
  expect(safeTarget('javascript:alert(1)', base)).toBeNull();
  expect(safeTarget('data:text/html,x', base)).toBeNull();
  expect(safeTarget(null, base)).toBeNull();
});

test('partners are told of every parameter, control and reason', () => {
  const text = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const read = text('./params.ts').matchAll(/(?:flag|get|has)\('([a-z_]+)'\)/g);
  const parameters = [...read].map((match) => match[1]);
  expect(parameters).toContain('skip_join');
  const guide = text('../../../docs/partners/room.md');
  for (const name of [...parameters, ...CONTROLS, ...REASONS])
    expect(guide).toContain(`\`${name}\``);
});
