// What a failed connection means.
import { ConnectionError, ConnectionErrorReason } from 'livekit-client';
import { parseReason, reasonOfDisconnect } from '../reasons';
import { RelayRefused } from '../session';

/** The relay's verdict, if the error is one. */
export function refusal(error: unknown): RelayRefused | null {
  if (!(error instanceof ConnectionError)) return null;
  if (error.reason === ConnectionErrorReason.NotAllowed) {
    // The relay's word stands after what the SDK says itself: "could not establish …: full".
    const reason = parseReason(error.message.split(': ').at(-1)?.trim());
    return reason ? new RelayRefused(reason) : null;
  }
  if (error.reason === ConnectionErrorReason.LeaveRequest) {
    const reason = reasonOfDisconnect(error.context as number);
    return reason === 'connection_lost' ? null : new RelayRefused(reason);
  }
  return null;
}
