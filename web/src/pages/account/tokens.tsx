import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { createToken, revokeToken, type TokenOutcome } from '../../account/session';
import { CopyField, toClipboard } from '../../components/copy-field';
import { TextField } from '../../components/fields';
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
  const asking = useSignal(false);
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (asking.value) keep.current?.focus();
  }, [asking.value]);
  const { name, created, used } = token;
  const times = [
    t('tokens.created', { date: day(new Date(created)) }),
    used ? t('tokens.used', { date: day(new Date(used)) }) : t('tokens.unused'),
  ];
  const sure = async () => {
    if (busy.value) return;
    busy.value = true;
    problem.value = await revoke();
    busy.value = false;
  };
  return (
    <li class="token">
      <div class="token-about">
        <strong>{name}</strong>
        <span>{times.join(', ')}</span>
      </div>
      {!asking.value && (
        <button
          type="button"
          class="button"
          aria-label={t('tokens.revoke.of', { name })}
          onClick={() => (asking.value = true)}
        >
          {t('tokens.revoke')}
        </button>
      )}
      {asking.value && (
        <div class="token-sure" role="group" aria-label={t('tokens.revoke.of', { name })}>
          <p>{t('tokens.revoke.sure', { name })}</p>
          <button type="button" class="button button-danger" onClick={() => void sure()}>
            {t('tokens.revoke')}
          </button>
          <button type="button" class="button" ref={keep} onClick={() => (asking.value = false)}>
            {t('tokens.keep')}
          </button>
          {problem.value && (
            <p class="field-error" role="alert">
              {problem.value}
            </p>
          )}
        </div>
      )}
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
