import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { setPassword } from '../../account/session';
import { PasswordField } from '../../components/fields';
import { Submit } from '../../components/submit';
import type { AccountPage } from '../../config/page';
import { t } from '../../i18n/text';
import type { Around } from './account';
import { problemText } from './problem';

type PasswordPage = Extract<AccountPage, { page: 'password' }>;

const SHORTEST = 8;
const LONGEST = 1024;

/** Sets the password of the account whose link this page is. */
export function Password({ page, fetch, path, go }: { page: PasswordPage } & Around) {
  const password = useSignal('');
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const gone = useSignal(page.account === null);
  const field = useRef<HTMLInputElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => (gone.value ? heading : field).current?.focus(), [gone.value]);

  if (gone.value || !page.account) {
    return (
      <div class="panel">
        <h1 tabIndex={-1} ref={heading}>
          {t('password.gone.title')}
        </h1>
        <p class="panel-lead">{t('password.gone.lead')}</p>
        <a class="button button-primary button-large" href="/login">
          {t('login.go')}
        </a>
      </div>
    );
  }

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    const length = Array.from(password.value).length;
    if (length < SHORTEST || length > LONGEST) {
      problem.value = t(length < SHORTEST ? 'password.short' : 'password.long');
      field.current?.focus();
      return;
    }
    busy.value = true;
    const done = await setPassword(fetch, path, password.value);
    if (done.ok) {
      go(done.redirectUrl);
      return;
    }
    busy.value = false;
    if (done.why === 'gone') {
      gone.value = true;
      return;
    }
    problem.value = problemText(done);
    field.current?.focus();
  };

  const { name, email } = page.account;
  return (
    <form class="panel" noValidate onSubmit={(event) => void submit(event)}>
      <h1>{t('password.title')}</h1>
      <p class="panel-lead">{t('password.lead', { name, email })}</p>
      <div class="panel-fields">
        <input type="hidden" name="username" autocomplete="username" value={email} />
        <PasswordField
          label={t('password.new')}
          autocomplete="new-password"
          hint={t('password.hint')}
          value={password.value}
          input={(value) => {
            password.value = value;
            problem.value = null;
          }}
          error={problem.value}
          field={field}
        />
      </div>
      <Submit text={t('password.go')} going={t('password.going')} busy={busy.value} />
    </form>
  );
}
