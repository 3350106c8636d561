import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { dropClient } from '../../account/oauth';
import { Sure } from '../../components/sure';
import type { AccountPage, OauthApp } from '../../config/page';
import { day, t } from '../../i18n/text';
import type { Around } from './account';

type AppsPage = Extract<AccountPage, { page: 'oauth_apps' }>;

/** The apps that act for who is signed in, each to be shown out. */
export function Apps({ page, fetch, path }: { page: AppsPage } & Around) {
  const apps = useSignal(page.apps);
  const told = useSignal('');
  const heading = useRef<HTMLHeadingElement>(null);
  const revoke = async ({ id, name }: OauthApp) => {
    const done = await dropClient(fetch, `${path}/revoke`, id);
    if (!done.ok) return t(done.why === 'over' ? 'apps.over' : 'login.unreachable');
    apps.value = apps.value.filter((app) => app.id !== id);
    told.value = t('apps.revoked', { name });
    heading.current?.focus();
    return null;
  };
  return (
    <div class="panel panel-wide">
      <h1 tabIndex={-1} ref={heading}>
        {t('apps.title')}
      </h1>
      <p class="panel-lead">{t('apps.lead', { company: page.tenant.company })}</p>
      <p class="token-told" role="status">
        {told.value}
      </p>
      {apps.value.length === 0 ? (
        <p>{t('apps.none')}</p>
      ) : (
        <ul class="tokens">
          {apps.value.map((app) => (
            <li class="token" key={app.id}>
              <div class="token-about">
                <strong>{app.name}</strong>
                <span>{about(app)}</span>
              </div>
              <Sure
                words={{
                  go: t('apps.revoke'),
                  of: t('apps.revoke.of', { name: app.name }),
                  sure: t('apps.revoke.sure', { name: app.name }),
                  keep: t('apps.keep'),
                }}
                go={() => revoke(app)}
              />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function about({ writes, created, used }: OauthApp): string {
  const parts = [
    t(writes ? 'apps.writes' : 'apps.reads'),
    t('apps.created', { date: day(new Date(created)) }),
  ];
  if (used) parts.push(t('apps.used', { date: day(new Date(used)) }));
  return parts.join(', ');
}
