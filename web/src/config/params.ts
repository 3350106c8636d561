// The parameters of the room's address (embedding contract, section 3).

export type View = 'gallery' | 'bottom_speaker' | 'left_side_speaker';
export type ThemeChoice = 'light' | 'dark' | 'auto';

export const VIEWS: readonly View[] = ['gallery', 'bottom_speaker', 'left_side_speaker'];

/** Names by which a control can be hidden or shown. */
export const CONTROLS = [
  'mic',
  'camera',
  'share',
  'participants',
  'layout',
  'volume',
  'settings',
  'invite',
  'fullscreen',
  'mute_mode',
  'lock',
  'leave',
  'end',
  'logo',
  'title',
  'timer',
] as const;
export type Control = (typeof CONTROLS)[number];

export interface RoomParams {
  name: string | null;
  skipJoin: boolean;
  muteMic: boolean;
  muteCamera: boolean;
  observer: boolean;
  moderatorToken: string | null;
  pin: string | null;
  /** In a guest's own link, where the meeting asks for registration. */
  pass: string | null;
  /** A join token that a partner's server asked for (`conference/join_token`): who we are. */
  token: string | null;
  /** Highest resolution sent, in lines. */
  resolution: 180 | 360 | 720 | 1080;
  view: View;
  autoView: boolean;
  /** Most tiles on a gallery page, or `null` for what the size allows. */
  tiles: number | null;
  stripLayout: boolean;
  audioLevel: boolean;
  afterCallUrl: string | null;
  autoClose: boolean;
  events: boolean;
  hide: readonly string[];
  showOnly: readonly string[] | null;
  theme: ThemeChoice;
  lang: string | null;
  /** One-time handoff of a framed sign-in. */
  handoff: string | null;
  /** Origin of the framing page, as the sign-in saw it. */
  parentOrigin: string | null;
}

/** `true`, `1` or present without a value; `false`, `0` and anything else is false. */
export function parseBoolean(value: string | null): boolean {
  return value === '' || value === '1' || value?.toLowerCase() === 'true';
}

const trimmed = (value: string | null): string | null => {
  const text = value?.trim() ?? '';
  return text === '' ? null : text;
};

const names = (value: string | null): string[] =>
  (value ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');

function oneOf<T extends string | number>(value: string | null, all: readonly T[], other: T): T {
  return all.find((candidate) => String(candidate) === value) ?? other;
}

function tileCount(value: string | null): number | null {
  const count = /^\d{1,3}$/.test(value ?? '') ? Number(value) : 0;
  return count === 0 ? null : Math.min(count, 49);
}

/** Reads query and fragment. What is malformed counts as absent. */
export function parseRoomParams(url: URL): RoomParams {
  const query = url.searchParams;
  const fragment = new URLSearchParams(url.hash.replace(/^#/, ''));
  const flag = (name: string) => parseBoolean(query.get(name));
  const mute = names(query.get('mute'));
  return {
    name: trimmed(query.get('name'))?.slice(0, 100) ?? null,
    skipJoin: flag('skip_join'),
    muteMic: mute.includes('mic'),
    muteCamera: mute.includes('camera'),
    observer: flag('observer'),
    moderatorToken: trimmed(query.get('moderator_token')),
    pin: trimmed(fragment.get('pin')) ?? trimmed(query.get('pin')),
    pass: trimmed(query.get('pass')),
    token: trimmed(fragment.get('token')) ?? trimmed(query.get('token')),
    resolution: oneOf(query.get('res'), [180, 360, 720, 1080] as const, 720),
    view: oneOf(query.get('view'), VIEWS, 'gallery'),
    autoView: flag('auto_view'),
    tiles: tileCount(query.get('tiles')),
    stripLayout: flag('strip_layout'),
    audioLevel: flag('audio_level'),
    afterCallUrl: trimmed(query.get('after_call_url')),
    autoClose: flag('auto_close'),
    events: flag('events'),
    hide: names(query.get('hide')),
    showOnly: query.has('show_only') ? names(query.get('show_only')) : null,
    theme: oneOf(query.get('theme'), ['light', 'dark', 'auto'] as const, 'auto'),
    lang: trimmed(query.get('lang')),
    handoff: trimmed(fragment.get('handoff')),
    parentOrigin: trimmed(fragment.get('parent')),
  };
}

/** The controls that remain visible: what the company and `hide` leave, or `show_only` alone. */
export function visibleControls(
  params: Pick<RoomParams, 'hide' | 'showOnly'>,
  hiddenByCompany: readonly string[],
): ReadonlySet<Control> {
  const hidden = new Set([...params.hide, ...hiddenByCompany]);
  const { showOnly } = params;
  return new Set(
    CONTROLS.filter((name) => !hidden.has(name) && (showOnly === null || showOnly.includes(name))),
  );
}

/** The address without its secrets (PIN, tokens, pass, handoff), for the address bar and for invitations. */
export function withoutSecrets(url: URL): URL {
  const clean = new URL(url);
  clean.searchParams.delete('pin');
  clean.searchParams.delete('moderator_token');
  clean.searchParams.delete('token');
  clean.searchParams.delete('pass');
  clean.hash = '';
  return clean;
}

/** A full http(s) URL or a path of this site; anything else is refused. */
export function safeTarget(value: string | null, base: string): string | null {
  if (value === null) return null;
  try {
    const url = new URL(value, base);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}
