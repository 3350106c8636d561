import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { TextField } from '../../components/fields';
import { Icon } from '../../components/icon';
import { Logo } from '../../components/logo';
import type { Account, Tenant } from '../../config/page';
import { t } from '../../i18n/text';
import { groupDigits, parseCode } from './code';
import { Own, type OwnActions } from './own';

interface HomeProps {
  tenant: Tenant;
  account: Account | null;
  administers: boolean;
  /** Whether a page frames this one: then signing in is the framing page's affair. */
  framed: boolean;
  /** Where the account's own meeting is. */
  own: { link: string; path: string };
  actions: OwnActions & {
    go: (code: string) => void;
    /** Signs out and leaves; answers whether that worked. */
    signOut: () => Promise<boolean>;
  };
}

export function Home({ tenant, account, administers, framed, own, actions }: HomeProps) {
  return (
    <div class="home">
      <header class="home-head">
        <Logo product={tenant.productName} company={tenant.company} picture={tenant.logoUrl} />
        <nav class="home-nav" aria-label={t('home.nav')}>
          {tenant.supportUrl && (
            <a class="home-help" href={tenant.supportUrl} rel="noopener">
              {t('home.support')}
            </a>
          )}
          {administers && !framed && (
            <a class="home-help" href="/admin/tokens">
              {t('home.tokens')}
            </a>
          )}
          {administers && !framed && (
            <a class="home-help" href="/admin/oauth">
              {t('home.clients')}
            </a>
          )}
          {administers && !framed && (
            <a class="home-help" href="/admin/webhooks">
              {t('home.webhooks')}
            </a>
          )}
          {account && !framed && (
            <a class="home-help" href="/account/apps">
              {t('home.apps')}
            </a>
          )}
          {account ? (
            <SignOut signOut={actions.signOut} />
          ) : (
            !framed && (
              <a class="button" href="/login">
                {t('home.signIn')}
              </a>
            )
          )}
        </nav>
      </header>
      <main class="home-main">
        {account ? (
          <div class="home-own">
            <Own account={account} link={own.link} path={own.path} actions={actions} />
            <Code go={actions.go} small />
          </div>
        ) : (
          <Code go={actions.go} />
        )}
        <Art />
      </main>
    </div>
  );
}

function SignOut({ signOut }: { signOut: () => Promise<boolean> }) {
  const failed = useSignal(false);
  return (
    <>
      {failed.value && (
        <span class="home-failed" role="alert">
          {t('home.signOut.failed')}
        </span>
      )}
      <button
        type="button"
        class="button"
        onClick={() => void signOut().then((done) => (failed.value = !done))}
      >
        {t('home.signOut')}
      </button>
    </>
  );
}

/** Takes a meeting's code. The small one stands below a signed-in host's own meeting. */
function Code({ go, small = false }: { go: (code: string) => void; small?: boolean }) {
  const code = useSignal('');
  const problem = useSignal<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!small) field.current?.focus();
  }, [small]);
  const submit = (event: Event) => {
    event.preventDefault();
    const parsed = parseCode(code.value);
    if (parsed) {
      go(parsed);
      return;
    }
    problem.value = t(code.value.trim() === '' ? 'home.code.empty' : 'home.code.bad');
    field.current?.focus();
  };
  const input = (
    <TextField
      label={t('home.code')}
      value={code.value}
      input={(value) => {
        code.value = groupDigits(value);
        problem.value = null;
      }}
      error={problem.value}
      hint={t('home.code.hint')}
      inputMode="numeric"
      large={!small}
      field={field}
    />
  );
  if (small) {
    return (
      <form class="home-other" onSubmit={submit}>
        <h2>{t('home.own.other')}</h2>
        {input}
        <button type="submit" class="button">
          {t('home.go')}
        </button>
      </form>
    );
  }
  return (
    <form class="home-form" onSubmit={submit}>
      <h1>{t('home.title')}</h1>
      <p class="home-lead">{t('home.lead')}</p>
      {input}
      <button type="submit" class="button button-primary button-large">
        {t('home.go')}
        <Icon name="right" size={20} />
      </button>
    </form>
  );
}

// People around a table, as tiles: one speaks.
function Art() {
  const tiles = ['MK', 'AO', 'JL', 'RS', 'TB', 'EN', 'PW'];
  return (
    <div class="art" aria-hidden="true">
      {tiles.map((name, index) => (
        <div key={name} class={`art-tile art-${index}`}>
          <span class={`avatar hue-${index}`}>
            <svg viewBox="0 0 100 100">
              <text x="50" y="52" text-anchor="middle" dominant-baseline="central">
                {name}
              </text>
            </svg>
          </span>
        </div>
      ))}
    </div>
  );
}
