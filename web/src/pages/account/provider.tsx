import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../components/icon';
import type { LoginPage } from '../../config/page';
import { t } from '../../i18n/text';

/** Leads to the provider that the company's people sign in with. `known`: somebody is signed in, and wants to be another. */
export function Provider({ page, known }: { page: LoginPage; known: boolean }) {
  const link = useRef<HTMLAnchorElement>(null);
  useEffect(() => link.current?.focus(), []);
  const query = new URLSearchParams({ redirect_url: page.redirectUrl });
  // Whom this company does not know would be led back as the same person at once.
  if (known || page.problem === 'unknown' || page.problem === 'denied') query.set('again', 'true');
  const { company } = page.tenant;
  return (
    <div class="panel">
      <h1>{t('login.title')}</h1>
      <p class="panel-lead">{t('provider.lead', { company })}</p>
      {page.problem && (
        <p class="field-error" role="alert">
          <Icon name="warning" size={16} />
          {t(`provider.${page.problem}`, { company })}
        </p>
      )}
      <div class="panel-actions">
        <a
          class="button button-primary button-large"
          ref={link}
          href={`/login/openid?${query.toString()}`}
        >
          {t(page.problem ? 'provider.again' : 'provider.go')}
        </a>
        <a class="button button-plain" href="/">
          {t('login.code')}
        </a>
      </div>
    </div>
  );
}
