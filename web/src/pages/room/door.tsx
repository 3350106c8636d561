// What stands between a visitor and the meeting: the PIN, the clock, the way in.
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { TextField } from '../../components/fields';
import { Icon } from '../../components/icon';
import { clock, moment, plural, t } from '../../i18n/text';
import { calendarLinks } from '../../room/calendar';
import type { Wait } from '../../room/phase';
import { useRoom } from './context';

export function PinPrompt({ wrong }: { wrong: boolean }) {
  const { meeting, page } = useRoom();
  const pin = useSignal('');
  const problem = useSignal<string | null>(wrong ? t('pin.wrong') : null);
  const busy = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const wait = meeting.retryAfter.value;
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (pin.value === '') {
      problem.value = t('pin.empty');
      field.current?.focus();
      return;
    }
    busy.value = true;
    problem.value = null;
    await meeting.enterPin(pin.value);
    busy.value = false;
    if (meeting.phase.peek().at !== 'pin') return;
    pin.value = '';
    problem.value = meeting.retryAfter.peek() > 0 ? null : t('pin.wrong');
    field.current?.focus();
  };
  return (
    <form class="card" onSubmit={(event) => void submit(event)}>
      <span class="card-icon">
        <Icon name="lock" size={28} />
      </span>
      <h1>{t('pin.title')}</h1>
      <p>{page.conference.subject ?? t('pin.lead')}</p>
      <TextField
        label={t('pin.label')}
        value={pin.value}
        input={(value) => {
          pin.value = value;
          problem.value = null;
        }}
        error={wait > 0 ? t('pin.wait', { time: clock(wait) }) : problem.value}
        hint={t('pin.lead')}
        inputMode="numeric"
        maxLength={32}
        large
        field={field}
      />
      <div class="card-actions">
        <button
          type="submit"
          class="button button-primary button-large"
          disabled={busy.value || wait > 0}
        >
          {busy.value && <span class="spinner" aria-hidden="true" />}
          {t('pin.go')}
        </button>
        <button type="button" class="button" onClick={() => void meeting.leave('wrong_pin')}>
          {t('pin.cancel')}
        </button>
      </div>
    </form>
  );
}

export function Waiting({ startsAt, opensAt, subject }: Wait) {
  const { meeting, page } = useRoom();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const name = subject ?? page.conference.subject;
  return (
    <div class="card card-center">
      <span class="card-icon">
        <Icon name="clock" size={28} />
      </span>
      <h1 tabIndex={-1} ref={heading}>
        {t(startsAt === null ? 'waiting.title.host' : 'waiting.title')}
      </h1>
      {name && <p class="card-subject">{name}</p>}
      {startsAt === null ? (
        <>
          <span class="waves" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <p>{t('waiting.host')}</p>
        </>
      ) : (
        <Countdown startsAt={startsAt} opensAt={opensAt ?? startsAt} />
      )}
      <AddToCalendar />
      <button type="button" class="button" onClick={() => void meeting.leave('not_started')}>
        {t('waiting.leave')}
      </button>
    </div>
  );
}

/** Ways to keep the date: a file, or the calendars that most people have. */
function AddToCalendar() {
  const { page, params } = useRoom();
  const id = useId();
  const links = calendarLinks(page, params, location.origin);
  if (links === null) return null;
  const elsewhere = { target: '_blank', rel: 'noopener noreferrer', class: 'button button-small' };
  return (
    <div class="add-to-calendar" role="group" aria-labelledby={id}>
      <p id={id}>{t('waiting.calendar')}</p>
      <a class="button button-small" href={links.file} download>
        {t('waiting.calendar.file')}
      </a>
      <a {...elsewhere} href={links.google}>
        Google
      </a>
      <a {...elsewhere} href={links.outlook}>
        Outlook.com
      </a>
    </div>
  );
}

function Countdown({ startsAt, opensAt }: { startsAt: number; opensAt: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((opensAt - now) / 1000);
  const days = Math.floor(seconds / 86_400);
  const when = moment(new Date(startsAt), new Date(now));
  return (
    <>
      <p class="card-when">
        <time dateTime={new Date(startsAt).toISOString()}>{t('waiting.starts', { when })}</time>
      </p>
      {seconds > 0 ? (
        <p class="countdown" role="timer">
          <span class="countdown-figure">
            {days > 0 ? plural('waiting.days', days) : clock(seconds)}
          </span>
          <span>{t('waiting.left')}</span>
        </p>
      ) : (
        <p class="countdown" role="status">
          <span class="spinner" aria-hidden="true" />
          <span>{t('waiting.opening')}</span>
        </p>
      )}
      <p>{plural('waiting.opens', Math.round((startsAt - opensAt) / 60_000))}</p>
    </>
  );
}

/** In the waiting room: at the relay, and known to the moderators alone. */
export function Knocking() {
  const { meeting, page } = useRoom();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const name = meeting.admission.value?.conference.subject ?? page.conference.subject;
  return (
    <div class="card card-center">
      <span class="card-icon">
        <Icon name="door" size={28} />
      </span>
      <h1 tabIndex={-1} ref={heading}>
        {t('knocking.title')}
      </h1>
      {name && <p class="card-subject">{name}</p>}
      <span class="waves" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <p role="status">{t(meeting.comingBack.value ? 'banner.reconnecting' : 'knocking.text')}</p>
      <button type="button" class="button" onClick={() => void meeting.leave()}>
        {t('knocking.leave')}
      </button>
    </div>
  );
}

export function Joining() {
  const { page } = useRoom();
  return (
    <div class="card card-center" role="status">
      <span class="waves" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <h1>{t('joining.title')}</h1>
      {page.conference.subject && <p class="card-subject">{page.conference.subject}</p>}
    </div>
  );
}
