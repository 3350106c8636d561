// A full page for every refusal and every ending.
import { useEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from '../../components/icon';
import { clock, t } from '../../i18n/text';
import { mayReturn, type Ending as EndingName } from '../../room/reasons';
import { useRoom } from './context';

const ICONS: Readonly<Record<EndingName, IconName>> = {
  left: 'door',
  ended: 'check',
  removed: 'door',
  rejected: 'lock',
  locked: 'lock',
  full: 'people',
  expired: 'clock',
  not_started: 'clock',
  wrong_pin: 'lock',
  duplicate: 'windows',
  moved: 'right',
  connection_lost: 'noSignal',
  timeout: 'clock',
  media_denied: 'cameraOff',
  error: 'warning',
  busy: 'clock',
  not_found: 'search',
  unregistered: 'people',
  unsupported: 'warning',
};

/** Endings where trying anew is what the first button says, not coming back. */
const TRY = new Set<EndingName>(['full', 'locked', 'error', 'busy', 'media_denied', 'timeout']);
const GONE = new Set<EndingName>(['not_found', 'expired', 'ended', 'wrong_pin']);

interface EndingProps {
  ending: EndingName;
  /** Goes in without devices; offered where these are the trouble. */
  without: () => void;
}

export function Ending({ ending, without }: EndingProps) {
  const room = useRoom();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [ending]);
  const { subject, registration } = room.page.conference;
  const late = ending === 'ended' && !room.wasIn;
  const wait = ending === 'busy' ? room.meeting.retryAfter.value : 0;
  const again =
    wait > 0 ? t('end.retry', { time: clock(wait) }) : t(TRY.has(ending) ? 'end.try' : 'end.again');
  return (
    <div class="card card-center" data-ending={ending}>
      <span class={`card-icon card-icon-${ending}`}>
        <Icon name={ICONS[ending]} size={28} />
      </span>
      <h1 tabIndex={-1} ref={heading}>
        {t(`end.${ending}.title`)}
      </h1>
      {subject && ending !== 'not_found' && <p class="card-subject">{subject}</p>}
      <p>{t(late ? 'end.ended.before' : `end.${ending}.text`)}</p>
      <div class="card-actions">
        {(mayReturn(ending) || ending === 'locked' || ending === 'not_started') && (
          <button
            type="button"
            class="button button-primary button-large"
            disabled={wait > 0}
            onClick={() => void room.again()}
          >
            {again}
          </button>
        )}
        {ending === 'unregistered' && registration && (
          <a
            class="button button-primary button-large"
            href={registration.path}
            target={window.parent === window ? '_self' : '_blank'}
          >
            {t('end.register')}
          </a>
        )}
        {ending === 'media_denied' && (
          <button type="button" class="button" onClick={without}>
            {t('end.without')}
          </button>
        )}
        {GONE.has(ending) && (
          <a class="button" href="/">
            {t('end.home')}
          </a>
        )}
        {room.page.tenant.supportUrl && (
          <a class="button button-plain" href={room.page.tenant.supportUrl} rel="noopener">
            {t('home.support')}
          </a>
        )}
      </div>
    </div>
  );
}
