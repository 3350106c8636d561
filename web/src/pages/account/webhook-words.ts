// What is said of webhooks in more than one place.
import type { Failure } from '../../account/webhooks';
import { moment, t } from '../../i18n/text';

/** What the server calls the address. */
const FIELD = 'url ';

/** The sentence for what was not done. */
export function problemOf(failure: Failure): string {
  switch (failure.why) {
    case 'refused':
      return failure.message.startsWith(FIELD)
        ? t('webhooks.refused', { why: failure.message.slice(FIELD.length) })
        : failure.message;
    case 'unreachable':
      return t('login.unreachable');
    default:
      return t(`webhooks.${failure.why}`);
  }
}

/** A moment, as people say it. */
export const said = (at: string) => moment(new Date(at), new Date());
