// The frame around every page of signing in, and the two that only ask or tell.
import type { ComponentChildren } from 'preact';
import type { Fetch } from '../../account/session';
import { Logo } from '../../components/logo';
import type { AccountPage, Tenant } from '../../config/page';
import { t } from '../../i18n/text';
import { Apps } from './apps';
import { Clients } from './clients';
import { Consent } from './consent';
import { Login } from './login';
import { Password } from './password';
import { Register } from './register';
import { Tokens } from './tokens';
import { Webhooks } from './webhooks';

export interface Around {
  fetch: Fetch;
  /** This page's own path. */
  path: string;
  go: (to: string) => void;
}

export function Account({ page, ...around }: { page: AccountPage } & Around) {
  switch (page.page) {
    case 'login':
      return (
        <Outside tenant={page.tenant}>
          <Login page={page} {...around} />
        </Outside>
      );
    case 'password':
      return (
        <Outside tenant={page.tenant}>
          <Password page={page} {...around} />
        </Outside>
      );
    case 'tokens':
      return (
        <Outside tenant={page.tenant}>
          <Tokens page={page} {...around} />
        </Outside>
      );
    case 'consent':
      return (
        <Outside tenant={page.tenant}>
          <Consent page={page} {...around} />
        </Outside>
      );
    case 'oauth_clients':
      return (
        <Outside tenant={page.tenant}>
          <Clients page={page} {...around} />
        </Outside>
      );
    case 'oauth_apps':
      return (
        <Outside tenant={page.tenant}>
          <Apps page={page} {...around} />
        </Outside>
      );
    case 'webhooks':
      return (
        <Outside tenant={page.tenant}>
          <Webhooks page={page} {...around} />
        </Outside>
      );
    case 'register':
      return (
        <Outside tenant={page.tenant}>
          <Register page={page} {...around} />
        </Outside>
      );
    case 'continue':
      return (
        <Outside tenant={page.tenant}>
          <Continue page={page} />
        </Outside>
      );
    case 'refused':
      return (
        <Outside tenant={null}>
          <div class="panel">
            <h1>{t(page.of === 'page' ? 'refused.page' : 'refused.title')}</h1>
            <p class="panel-lead">{page.message}</p>
          </div>
        </Outside>
      );
  }
}

function Outside({ tenant, children }: { tenant: Tenant | null; children: ComponentChildren }) {
  return (
    <div class="account">
      <header class="account-head">
        {tenant && (
          <a href="/" aria-label={t('page.logo', { product: tenant.productName })}>
            <Logo product={tenant.productName} company={tenant.company} picture={tenant.logoUrl} />
          </a>
        )}
        {tenant?.supportUrl && (
          <a href={tenant.supportUrl} rel="noopener">
            {t('home.support')}
          </a>
        )}
      </header>
      <main class="account-main">{children}</main>
    </div>
  );
}

function Continue({ page }: { page: Extract<AccountPage, { page: 'continue' }> }) {
  return (
    <form class="panel" method="post" action="/auth/handoff">
      <h1>{t('continue.title', { name: page.name })}</h1>
      <p class="panel-lead">{t('continue.lead', { company: page.tenant.company })}</p>
      {page.fields.map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      <div class="panel-actions">
        <button type="submit" class="button button-primary button-large">
          {t('continue.go', { name: page.name })}
        </button>
        <a class="button button-large" href="/">
          {t('continue.stay')}
        </a>
      </div>
    </form>
  );
}
