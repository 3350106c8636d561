import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { signIn } from '../../account/session';
import { PasswordField, TextField } from '../../components/fields';
import { Submit } from '../../components/submit';
import type { LoginPage } from '../../config/page';
import { t } from '../../i18n/text';
import type { Around } from './account';
import { Forgotten } from './forgotten';
import { problemText } from './problem';
import { Provider } from './provider';

/** Goes on as who is signed in, or leads to the company's provider, or asks for an email and a password. */
export function Login({ page, ...around }: { page: LoginPage } & Around) {
  const other = useSignal(page.account === null);
  if (page.account && !other.value) {
    const { name, email } = page.account;
    return (
      <div class="panel">
        <h1>{t('login.known')}</h1>
        <p class="panel-lead">{t('login.known.lead', { name, email })}</p>
        <div class="panel-actions">
          <a class="button button-primary button-large" href={page.redirectUrl}>
            {t('login.known.go', { name })}
          </a>
          <button
            type="button"
            class="button button-large"
            onClick={() => {
              other.value = true;
            }}
          >
            {t('login.known.other')}
          </button>
        </div>
      </div>
    );
  }
  if (page.byProvider) return <Provider page={page} known={page.account !== null} />;
  return <Form page={page} {...around} />;
}

function Form({ page, fetch, go }: { page: LoginPage } & Around) {
  const email = useSignal('');
  const password = useSignal('');
  const remember = useSignal(true);
  const busy = useSignal(false);
  const forgotten = useSignal(false);
  const emailProblem = useSignal<string | null>(null);
  const passwordProblem = useSignal<string | null>(null);
  const emailField = useRef<HTMLInputElement>(null);
  const passwordField = useRef<HTMLInputElement>(null);
  // At first, and when the form is back.
  useEffect(() => emailField.current?.focus(), [forgotten.value]);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    emailProblem.value = email.value.trim() === '' ? t('login.email.empty') : null;
    passwordProblem.value = password.value === '' ? t('login.password.empty') : null;
    if (emailProblem.value ?? passwordProblem.value) {
      (emailProblem.value ? emailField : passwordField).current?.focus();
      return;
    }
    busy.value = true;
    const done = await signIn(fetch, {
      email: email.value.trim(),
      password: password.value,
      remember: remember.value,
      redirectUrl: page.redirectUrl,
    });
    if (done.ok) {
      go(done.redirectUrl);
      return;
    }
    busy.value = false;
    passwordProblem.value = problemText(done);
    passwordField.current?.focus();
    passwordField.current?.select();
  };

  if (forgotten.value) {
    const back = () => {
      forgotten.value = false;
    };
    return (
      <Forgotten fetch={fetch} company={page.tenant.company} email={email.value} back={back} />
    );
  }

  return (
    <form class="panel" noValidate onSubmit={(event) => void submit(event)}>
      <h1>{t('login.title')}</h1>
      <p class="panel-lead">{t('login.lead', { company: page.tenant.company })}</p>
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
            emailProblem.value = null;
          }}
          error={emailProblem.value}
          field={emailField}
        />
        <PasswordField
          label={t('login.password')}
          autocomplete="current-password"
          value={password.value}
          input={(value) => {
            password.value = value;
            passwordProblem.value = null;
          }}
          error={passwordProblem.value}
          field={passwordField}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={remember.value}
            onChange={(event) => (remember.value = event.currentTarget.checked)}
          />
          {t('login.remember')}
        </label>
      </div>
      <div class="panel-actions">
        <Submit text={t('login.go')} going={t('login.going')} busy={busy.value} />
        <button
          type="button"
          class="button button-plain"
          onClick={() => {
            forgotten.value = true;
          }}
        >
          {t('login.forgotten')}
        </button>
        <a class="button button-plain" href="/">
          {t('login.code')}
        </a>
      </div>
    </form>
  );
}
