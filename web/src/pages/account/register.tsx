import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { register } from '../../account/session';
import { TextField } from '../../components/fields';
import { Submit } from '../../components/submit';
import { Icon } from '../../components/icon';
import type { AccountPage, RegisterMeeting } from '../../config/page';
import { clock, moment, t } from '../../i18n/text';
import type { Around } from './account';

type RegisterPage = Extract<AccountPage, { page: 'register' }>;

/** What a meeting is, and a form for who wants to take part. */
export function Register({ page, ...around }: { page: RegisterPage } & Around) {
  const state = useSignal<RegisterMeeting['state'] | 'gone'>(page.meeting?.state ?? 'gone');
  const sent = useSignal<string | null>(null);
  const again = useSignal(false);
  const subject = page.meeting?.subject ?? '';
  if (!page.meeting || state.value !== 'open') {
    const said = state.value === 'open' ? 'gone' : state.value;
    return (
      <Told title={t(`register.${said}.title`)} lead={t(`register.${said}.lead`, { subject })} />
    );
  }
  if (sent.value !== null) {
    return (
      <Told
        title={t('register.done.title')}
        lead={t('register.done.lead', { subject, email: sent.value })}
      >
        <button
          type="button"
          class="button"
          onClick={() => {
            again.value = true;
            sent.value = null;
          }}
        >
          {t('register.done.again')}
        </button>
      </Told>
    );
  }
  return (
    <Form
      meeting={page.meeting}
      again={again.value}
      sent={(email) => (sent.value = email)}
      gone={(why) => (state.value = why)}
      {...around}
    />
  );
}

interface ToldProps {
  title: string;
  lead: string;
  children?: ComponentChildren;
}

function Told({ title, lead, children }: ToldProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [title]);
  return (
    <div class="panel">
      <h1 tabIndex={-1} ref={heading}>
        {title}
      </h1>
      <p class="panel-lead">{lead}</p>
      {children && <div class="panel-actions">{children}</div>}
    </div>
  );
}

interface FormProps extends Around {
  meeting: RegisterMeeting;
  /** It is back for somebody else. */
  again: boolean;
  sent: (email: string) => void;
  gone: (why: 'full' | 'over' | 'gone') => void;
}

function Form({ meeting, again, fetch, path, sent, gone }: FormProps) {
  const name = useSignal('');
  const email = useSignal('');
  const nameProblem = useSignal<string | null>(null);
  const emailProblem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const nameField = useRef<HTMLInputElement>(null);
  const emailField = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (again) nameField.current?.focus();
  }, [again]);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    const entry = { name: name.value.trim(), email: email.value.trim() };
    nameProblem.value = entry.name === '' ? t('register.name.empty') : null;
    emailProblem.value = entry.email === '' ? t('register.email.empty') : null;
    if (nameProblem.value ?? emailProblem.value) {
      (nameProblem.value ? nameField : emailField).current?.focus();
      return;
    }
    busy.value = true;
    const done = await register(fetch, path, entry);
    busy.value = false;
    if (done.ok) {
      sent(done.email);
      return;
    }
    switch (done.why) {
      case 'full':
      case 'over':
      case 'gone':
        gone(done.why);
        return;
      case 'invalid':
        if (done.field === 'name') nameProblem.value = t('register.name.bad');
        else emailProblem.value = t('register.email.bad');
        (done.field === 'name' ? nameField : emailField).current?.focus();
        return;
      case 'busy':
        emailProblem.value = t('register.busy', { time: clock(done.retryAfter) });
        return;
      default:
        emailProblem.value = t('login.unreachable');
    }
  };

  return (
    <form class="panel" noValidate onSubmit={(event) => void submit(event)}>
      <h1>{meeting.subject}</h1>
      <About meeting={meeting} />
      <p class="panel-lead">{t('register.lead')}</p>
      <div class="panel-fields">
        <TextField
          label={t('register.name')}
          name="name"
          autocomplete="name"
          maxLength={100}
          value={name.value}
          input={(value) => {
            name.value = value;
            nameProblem.value = null;
          }}
          error={nameProblem.value}
          field={nameField}
        />
        <TextField
          label={t('register.email')}
          type="email"
          name="email"
          inputMode="email"
          autocomplete="email"
          value={email.value}
          input={(value) => {
            email.value = value;
            emailProblem.value = null;
          }}
          error={emailProblem.value}
          field={emailField}
        />
      </div>
      <Submit text={t('register.go')} going={t('register.going')} busy={busy.value} />
    </form>
  );
}

function About({ meeting }: { meeting: RegisterMeeting }) {
  const { startsAt, minutes } = meeting;
  return (
    <div class="about">
      {startsAt && (
        <p class="about-when">
          <Icon name="clock" size={18} />
          <time dateTime={startsAt}>
            {t('register.when', {
              when: moment(new Date(startsAt), new Date()),
              minutes: minutes ?? 0,
            })}
          </time>
        </p>
      )}
      {meeting.repeats && <p>{t('register.repeats')}</p>}
      <p>{t('register.host', { host: meeting.hostName })}</p>
      {meeting.agenda && <p class="about-agenda">{meeting.agenda}</p>}
    </div>
  );
}
