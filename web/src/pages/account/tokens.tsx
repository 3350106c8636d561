import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { createToken, revokeToken, type TokenOutcome } from '../../account/session';
import { CopyField, toClipboard } from '../../components/copy-field';
import { TextField } from '../../components/fields';
import { Sure } from '../../components/sure';
import type { AccountPage, ApiToken } from '../../config/page';
import { day, t } from '../../i18n/text';
import type { Around } from './account';

type TokensPage = Extract<AccountPage, { page: 'tokens' }>;

/** An administrator's API tokens: made, shown once, revoked. */
export function Tokens({ page, fetch, path }: { page: TokensPage } & Around) {
  const tokens = useSignal(page.tokens);
  const made = useSignal<{ token: ApiToken; secret: string } | null>(null);
  const told = useSignal('');
  const heading = useRef<HTMLHeadingElement>(null);
  const revoke = async (token: ApiToken) => {
    const done = await revokeToken(fetch, path, token.id);
    if (!done.ok) return problemOf(done);
    tokens.value = tokens.value.filter(({ id }) => id !== token.id);
    if (made.value?.token.id === token.id) made.value = null;
    told.value = t('tokens.revoked', { name: token.name });
    heading.current?.focus();
    return null;
  };
  const create = async (name: string) => {
    const done = await createToken(fetch, path, name);
    if (!done.ok) return problemOf(done);
    made.value = done.of;
    tokens.value = [...tokens.value, done.of.token];
    told.value = '';
    return null;
  };
  return (
    <div class="panel panel-wide">
      <h1 tabIndex={-1} ref={heading}>
        {t('tokens.title')}
      </h1>
      <p class="panel-lead">{t('tokens.lead')}</p>
      <p class="token-told" role="status">
        {told.value}
      </p>
      {made.value && (
        <CopyField
          key={made.value.token.id}
          label={t('tokens.made', { name: made.value.token.name })}
          value={made.value.secret}
          copy={toClipboard}
          words={{ copy: t('tokens.copy'), copied: t('tokens.copied') }}
          hint={t('tokens.made.lead')}
          chosen
        />
      )}
      {tokens.value.length === 0 ? (
        <p>{t('tokens.none')}</p>
      ) : (
        <ul class="tokens">
          {tokens.value.map((token) => (
            <Row key={token.id} token={token} revoke={() => revoke(token)} />
          ))}
        </ul>
      )}
      <Create create={create} />
    </div>
  );
}

function problemOf({ why }: Extract<TokenOutcome<unknown>, { ok: false }>): string {
  return t(why === 'unreachable' ? 'login.unreachable' : `tokens.${why}`);
}

function Row({ token, revoke }: { token: ApiToken; revoke: () => Promise<string | null> }) {
  const { name, created, used } = token;
  const times = [
    t('tokens.created', { date: day(new Date(created)) }),
    used ? t('tokens.used', { date: day(new Date(used)) }) : t('tokens.unused'),
  ];
  return (
    <li class="token">
      <div class="token-about">
        <strong>{name}</strong>
        <span>{times.join(', ')}</span>
      </div>
      <Sure
        words={{
          go: t('tokens.revoke'),
          of: t('tokens.revoke.of', { name }),
          sure: t('tokens.revoke.sure', { name }),
          keep: t('tokens.keep'),
        }}
        go={revoke}
      />
    </li>
  );
}

function Create({ create }: { create: (name: string) => Promise<string | null> }) {
  const name = useSignal('');
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    const chosen = name.value.trim();
    if (chosen === '') {
      problem.value = t('tokens.name.empty');
      field.current?.focus();
      return;
    }
    busy.value = true;
    problem.value = await create(chosen);
    busy.value = false;
    if (problem.value === null) name.value = '';
  };
  return (
    <form class="panel-fields" noValidate onSubmit={(event) => void submit(event)}>
      <TextField
        label={t('tokens.name')}
        hint={t('tokens.name.hint')}
        maxLength={100}
        value={name.value}
        input={(value) => {
          name.value = value;
          problem.value = null;
        }}
        error={problem.value}
        field={field}
      />
      <button type="submit" class="button button-primary" aria-disabled={busy.value}>
        {t('tokens.create')}
      </button>
    </form>
  );
}
