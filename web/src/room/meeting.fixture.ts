// A meeting with all around it replaced, for tests.
import { signal } from '@preact/signals';
import { vi } from 'vitest';
import type { Stay } from '../config/kept';
import { parseRoomPage } from '../config/page';
import { parseRoomParams } from '../config/params';
import type { Fetch } from './join';
import { Meeting } from './meeting';
import type { Ending } from './reasons';
import { Roster } from './roster';
import type { Session, SessionOptions } from './session';
import type { Entry } from './surroundings';

export const NOON = Date.parse('2026-11-24T12:00:00Z');
export const RELAYS = [
  { url: 'http://r1.example', region: 'a' },
  { url: 'http://r2.example', region: 'b' },
];

interface Call {
  path: string;
  body: Record<string, unknown>;
  headers: Headers;
}

export const admission = (token: string, relays = RELAYS.slice(0, 1)) => ({
  token,
  identity: 'p1',
  participant: 1,
  name: 'Ann',
  role: 'guest',
  relays,
  conference: { id: 9, subject: 'Weekly' },
  media: { h264: false, max_resolution: 720 },
});

export const json = (status: number, body: unknown, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers });

/** A world around a meeting: what the control plane and the relays answer can be set. */
export function world(options: { page?: object; query?: string; stay?: Stay } = {}) {
  const calls: Call[] = [];
  const opened: SessionOptions[] = [];
  const sessions: Session[] = [];
  const endings: Ending[] = [];
  const stays: (Stay | null)[] = [];
  const left = vi.fn(() => Promise.resolve());
  const answers = {
    look: (): object | null => null,
    join: ((): Response | Error => json(200, admission('t1'))) as (
      body: Record<string, unknown>,
    ) => Response | Error,
    end: () => json(200, {}),
    relay: ((): Error | null => null) as (options: SessionOptions) => Error | null,
    switched: (() => 0) as (name: string) => number,
    control: (): Response | Promise<Response> => json(200, {}),
  };
  const fetch: Fetch = (url, init) => {
    const body = JSON.parse((init.body as string | undefined) ?? '{}') as Record<string, unknown>;
    calls.push({ path: url, body, headers: new Headers(init.headers) });
    if (url === '/conf/join') {
      const answer = answers.join(body);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    }
    if (url === '/auth/handoff') {
      const account = { name: 'Hana', email: 'h@a.test', access_code: '1234567' };
      return Promise.resolve(json(200, { session: 'sess', account, after_call_url: '/bye' }));
    }
    if (url.endsWith('/room/control')) return untilAborted(answers.control(), init.signal);
    if (url.endsWith('/room/end')) return Promise.resolve(answers.end());
    return Promise.resolve(new Response('OK'));
  };
  const waiting = signal(false);
  const openSession = (options: SessionOptions): Promise<Session> => {
    const failure = answers.relay(options);
    if (failure) return Promise.reject(failure);
    opened.push(options);
    const session = {
      reconnecting: signal(false),
      silent: signal(false),
      soundBlocked: signal(false),
      sharing: signal(false),
      micOn: signal(options.wantMic),
      cameraOn: signal(options.wantCamera),
      waiting,
      rules: signal({ locked: false, muteMode: 'conversation' }),
      setMic: () => Promise.resolve(answers.switched('mic')),
      setCamera: () => Promise.resolve(answers.switched('camera')),
      leave: left,
    } as unknown as Session;
    sessions.push(session);
    return Promise.resolve(session);
  };
  const page = parseRoomPage({ code: '1234567', ...options.page });
  const params = parseRoomParams(new URL(`https://a.example/conf/call/1${options.query ?? ''}`));
  const roster = new Roster(Date.now);
  const meeting = new Meeting(page, params, {
    fetch,
    look: () => {
      const conference = answers.look();
      return Promise.resolve(conference && parseRoomPage({ conference }).conference);
    },
    now: Date.now,
    random: () => 0.5,
    loadMedia: () => Promise.resolve({ openSession }),
    roster,
    devices: () => ({ mic: null, camera: null, speaker: null }),
    deviceFailed: () => undefined,
    mutedByOther: () => undefined,
    askedToUnmute: () => undefined,
    stay: options.stay ?? null,
    keepStay: (stay) => stays.push(stay),
    left: (ending) => endings.push(ending),
  });
  const entry: Entry = {
    name: 'Ann',
    takeMic: () => Promise.resolve(null),
    takeCamera: () => Promise.resolve(null),
    wantMic: true,
    wantCamera: true,
  };
  const joins = () => calls.filter((call) => call.path === '/conf/join');
  return {
    meeting,
    roster,
    entry,
    answers,
    calls,
    joins,
    opened,
    sessions,
    endings,
    stays,
    left,
    waiting,
  };
}

// As `fetch` does: what is aborted has no answer.
function untilAborted(answer: Response | Promise<Response>, abort: AbortSignal | null | undefined) {
  return new Promise<Response>((resolve, reject) => {
    abort?.addEventListener('abort', () => reject(new Error('aborted')));
    void Promise.resolve(answer).then(resolve);
  });
}

export const refusal =
  (reason: string, more = {}) =>
  () =>
    json(403, { code: 'forbidden', message: '', reason, ...more });
