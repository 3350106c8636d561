import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { askForPassword } from '../../account/session';
import { TextField } from '../../components/fields';
import { Submit } from '../../components/submit';
import { t } from '../../i18n/text';
import type { Around } from './account';
import { problemText } from './problem';

type Asking = Pick<Around, 'fetch'> & { company: string; email: string; back: () => void };

/** Asks for the address of an account whose password was forgotten. */
export function Forgotten({ fetch, company, email: entered, back }: Asking) {
  const email = useSignal(entered);
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const sent = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => (sent.value ? heading : field).current?.focus(), [sent.value]);

  if (sent.value) {
    return (
      <div class="panel">
        <h1 tabIndex={-1} ref={heading}>
          {t('forgotten.sent')}
        </h1>
        <p class="panel-lead">{t('forgotten.sent.lead', { email: email.value.trim() })}</p>
        <button type="button" class="button button-large" onClick={back}>
          {t('forgotten.back')}
        </button>
      </div>
    );
  }

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    if (email.value.trim() === '') {
      problem.value = t('login.email.empty');
      field.current?.focus();
      return;
    }
    busy.value = true;
    const done = await askForPassword(fetch, email.value.trim());
    busy.value = false;
    if (done.ok) {
      sent.value = true;
      return;
    }
    problem.value = problemText(done);
    field.current?.focus();
  };

  return (
    <form class="panel" noValidate onSubmit={(event) => void submit(event)}>
      <h1>{t('forgotten.title')}</h1>
      <p class="panel-lead">{t('forgotten.lead', { company })}</p>
      <div class="panel-fields">
        <TextField
          label={t('login.email')}
          type="email"
          name="email"
          inputMode="email"
          autocomplete="username"
          value={email.value}
          input={(value) => {
            email.value = value;
            problem.value = null;
          }}
          error={problem.value}
          field={field}
        />
      </div>
      <div class="panel-actions">
        <Submit text={t('forgotten.go')} going={t('forgotten.going')} busy={busy.value} />
        <button type="button" class="button button-plain" onClick={back}>
          {t('forgotten.back')}
        </button>
      </div>
    </form>
  );
}
