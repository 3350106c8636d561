// What moderators have set for everybody, as the relay tells it in the room's metadata.

export const MUTE_MODES = ['conversation', 'q&a', 'presentation'] as const;
export type MuteMode = (typeof MUTE_MODES)[number];

export interface Rules {
  locked: boolean;
  muteMode: MuteMode;
}

/** Reads the room's metadata; what it does not say is as in an ordinary meeting. */
export function parseRules(metadata: string | undefined): Rules {
  let read: unknown;
  try {
    read = JSON.parse(metadata ?? '');
  } catch {
    read = null;
  }
  const told = (typeof read === 'object' && read !== null ? read : {}) as Record<string, unknown>;
  return {
    locked: told['locked'] === true,
    muteMode: MUTE_MODES.find((mode) => mode === told['mute_mode']) ?? 'conversation',
  };
}

/** What a moderator can have the relay do. */
export type Order =
  | { action: OneAction; participant: number }
  | { action: 'admit_all' | 'mute_all' | 'unmute_all' | 'lock' | 'unlock' }
  | { action: 'set_mute_mode'; mute_mode: MuteMode };

export type OneAction =
  'admit' | 'reject' | 'mute' | 'ask_unmute' | 'camera_off' | 'promote' | 'demote' | 'remove';

/** The data message by which the relay asks us to unmute; it comes from nobody. */
export const ASK_UNMUTE = 'convoke.ask_unmute';

/** The number of the moderator who asks; `null` for somebody outside the room. */
export function parseAsker(payload: Uint8Array): number | null {
  try {
    const told: unknown = JSON.parse(new TextDecoder().decode(payload));
    const by = (told as { by?: unknown } | null)?.by;
    return typeof by === 'number' ? by : null;
  } catch {
    return null;
  }
}
