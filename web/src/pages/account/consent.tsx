import { useSignal } from '@preact/signals';
import { consent } from '../../account/oauth';
import type { AccountPage } from '../../config/page';
import { t } from '../../i18n/text';
import type { Around } from './account';

type ConsentPage = Extract<AccountPage, { page: 'consent' }>;

/** Asks whether an app may act for who is signed in. */
export function Consent({ page, fetch, go }: { page: ConsentPage } & Around) {
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const { client, account, tenant } = page;
  const answer = async (allow: boolean) => {
    if (busy.value) return;
    busy.value = true;
    problem.value = null;
    const done = await consent(fetch, page.request, allow);
    if (done.ok) {
      go(done.redirectUrl);
      return;
    }
    busy.value = false;
    problem.value = t(done.why === 'unreachable' ? 'login.unreachable' : `consent.${done.why}`);
  };
  const { name, email } = account;
  return (
    <div class="panel">
      <h1>{t('consent.title', { client })}</h1>
      <p class="panel-lead">
        {t('consent.lead', { client, name, email, company: tenant.company })}
      </p>
      <ul class="consent-scopes">
        <li>{t('consent.read')}</li>
        {page.writes && <li>{t('consent.write')}</li>}
      </ul>
      <p class="consent-goes">{t('consent.goes', { origin: page.goesTo })}</p>
      {problem.value && (
        <p class="field-error" role="alert">
          {problem.value}
        </p>
      )}
      <div class="panel-actions">
        <button
          type="button"
          class="button button-primary button-large"
          aria-disabled={busy.value}
          onClick={() => void answer(true)}
        >
          {t(busy.value ? 'consent.going' : 'consent.allow')}
        </button>
        <button
          type="button"
          class="button button-large"
          aria-disabled={busy.value}
          onClick={() => void answer(false)}
        >
          {t('consent.deny')}
        </button>
        <a class="button button-plain" href={page.otherAccount}>
          {t('consent.other')}
        </a>
      </div>
    </div>
  );
}
