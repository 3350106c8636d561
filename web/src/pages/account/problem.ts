// What the visitor is told when a sign-in did not work.
import type { Outcome } from '../../account/session';
import { clock, t } from '../../i18n/text';

type Failure = Extract<Outcome, { ok: false }>;

/** The sentence for a failure that has no place of its own. */
export function problemText(failure: Failure): string {
  switch (failure.why) {
    case 'busy':
      return t('login.busy', { time: clock(failure.retryAfter) });
    case 'wrong':
      return t('login.wrong');
    case 'unreachable':
      return t('login.unreachable');
    default:
      return t('login.invalid');
  }
}
