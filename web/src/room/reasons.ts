// Why somebody is not, or no longer, in a meeting (embedding contract, section 5).

export const REASONS = [
  'left',
  'ended',
  'removed',
  'rejected',
  'locked',
  'full',
  'expired',
  'not_started',
  'wrong_pin',
  'duplicate',
  'moved',
  'connection_lost',
  'timeout',
  'media_denied',
  'error',
] as const;
export type Reason = (typeof REASONS)[number];

/** A reason, or that the code leads nowhere: then there is nothing to leave. */
export type Ending = Reason | 'not_found' | 'unregistered' | 'unsupported' | 'busy';

/** Reads a reason's word; `null` if it is none of ours. */
export function parseReason(value: unknown): Reason | null {
  return REASONS.find((reason) => reason === value) ?? null;
}

/** The reason told to the framing page. */
export function reasonOf(ending: Ending): Reason {
  switch (ending) {
    case 'not_found':
      return 'expired';
    case 'unregistered':
      return 'rejected';
    case 'unsupported':
    case 'busy':
      return 'error';
    default:
      return ending;
  }
}

// Numbers of the signalling protocol's DisconnectReason, so that no media code is needed to know them.
const BY_DISCONNECT: Readonly<Record<number, Reason>> = {
  1: 'left',
  2: 'duplicate',
  4: 'removed',
  5: 'ended',
  8: 'moved',
  10: 'expired',
  12: 'rejected',
  14: 'timeout',
};

/**
 * The reason behind a disconnection, or `connection_lost` where the connection broke without a
 * verdict: then it is worth trying to come back.
 */
export function reasonOfDisconnect(code: number | undefined): Reason {
  return BY_DISCONNECT[code ?? 0] ?? 'connection_lost';
}

/** Endings after which the visitor does not come back by this page, so that a frame may go. */
const FINAL: readonly Ending[] = ['left', 'ended', 'removed', 'rejected', 'duplicate', 'expired'];

export function isFinal(ending: Ending): boolean {
  return FINAL.includes(ending);
}

/** Whether "join again" makes sense after this ending. */
export function mayReturn(ending: Ending): boolean {
  return [
    'left',
    'connection_lost',
    'timeout',
    'duplicate',
    'error',
    'full',
    'moved',
    'media_denied',
    'busy',
  ].includes(ending);
}
