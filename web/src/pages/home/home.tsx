import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { TextField } from '../../components/fields';
import { Icon } from '../../components/icon';
import { Logo } from '../../components/logo';
import type { Tenant } from '../../config/page';
import { t } from '../../i18n/text';
import { groupDigits, parseCode } from './code';

export function Home({ tenant, go }: { tenant: Tenant; go: (code: string) => void }) {
  const code = useSignal('');
  const problem = useSignal<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
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
  return (
    <div class="home">
      <header class="home-head">
        <Logo product={tenant.productName} company={tenant.company} />
        {tenant.supportUrl && (
          <a class="home-help" href={tenant.supportUrl} rel="noopener">
            {t('home.support')}
          </a>
        )}
      </header>
      <main class="home-main">
        <form class="home-form" onSubmit={submit}>
          <h1>{t('home.title')}</h1>
          <p class="home-lead">{t('home.lead')}</p>
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
            large
            field={field}
          />
          <button type="submit" class="button button-primary button-large">
            {t('home.go')}
            <Icon name="right" size={20} />
          </button>
        </form>
        <Art />
      </main>
    </div>
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
