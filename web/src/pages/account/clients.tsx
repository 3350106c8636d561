import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { dropClient, registerClient, rotateClient } from '../../account/oauth';
import { CopyField, toClipboard } from '../../components/copy-field';
import { TextField } from '../../components/fields';
import { Sure } from '../../components/sure';
import type { AccountPage, OauthClient } from '../../config/page';
import { t } from '../../i18n/text';
import type { Around } from './account';

type ClientsPage = Extract<AccountPage, { page: 'oauth_clients' }>;
type Failure = 'full' | 'over' | 'unreachable';

function problemOf(why: Failure): string {
  return t(why === 'unreachable' ? 'login.unreachable' : `clients.${why}`);
}

/** The apps that may ask a company's people: registered, given secrets that are shown once, deleted. */
export function Clients({ page, fetch, path }: { page: ClientsPage } & Around) {
  const clients = useSignal(page.clients);
  const made = useSignal<{ client: OauthClient; secret: string | null } | null>(null);
  const told = useSignal('');
  const heading = useRef<HTMLHeadingElement>(null);
  const drop = async (client: OauthClient) => {
    const done = await dropClient(fetch, `${path}/delete`, client.id);
    if (!done.ok) return problemOf(done.why);
    clients.value = clients.value.filter(({ id }) => id !== client.id);
    if (made.value?.client.id === client.id) made.value = null;
    told.value = t('clients.deleted', { name: client.name });
    heading.current?.focus();
    return null;
  };
  const rotate = async (client: OauthClient) => {
    const done = await rotateClient(fetch, path, client.id);
    if (!done.ok) return problemOf(done.why);
    made.value = { client, secret: done.of };
    told.value = '';
    return null;
  };
  const register = async (entry: Parameters<typeof registerClient>[2]) => {
    const done = await registerClient(fetch, path, entry);
    if (!done.ok) return done.why;
    made.value = done.of;
    clients.value = [...clients.value, done.of.client];
    told.value = '';
    return null;
  };
  return (
    <div class="panel panel-wide">
      <h1 tabIndex={-1} ref={heading}>
        {t('clients.title')}
      </h1>
      <p class="panel-lead">{t('clients.lead', { issuer: page.issuer })}</p>
      <p class="token-told" role="status">
        {told.value}
      </p>
      {made.value && <Made key={made.value.secret ?? made.value.client.id} {...made.value} />}
      {clients.value.length === 0 ? (
        <p>{t('clients.none')}</p>
      ) : (
        <ul class="tokens">
          {clients.value.map((client) => (
            <Row
              key={client.id}
              client={client}
              drop={() => drop(client)}
              rotate={() => rotate(client)}
            />
          ))}
        </ul>
      )}
      <Register register={register} />
    </div>
  );
}

function Made({ client, secret }: { client: OauthClient; secret: string | null }) {
  const words = { copy: t('clients.copy'), copied: t('clients.copied') };
  const { id, name } = client;
  return (
    <>
      <CopyField
        label={t('clients.made.id', { name })}
        value={id}
        copy={toClipboard}
        words={words}
      />
      {secret && (
        <CopyField
          label={t('clients.made', { name })}
          value={secret}
          copy={toClipboard}
          words={words}
          hint={t('clients.made.lead')}
          chosen
        />
      )}
    </>
  );
}

interface RowProps {
  client: OauthClient;
  drop: () => Promise<string | null>;
  rotate: () => Promise<string | null>;
}

function Row({ client, drop, rotate }: RowProps) {
  const { name, id } = client;
  const keep = t('clients.keep');
  const about = [t('clients.id', { id }), ...(client.public ? [t('clients.public')] : [])];
  return (
    <li class="token">
      <div class="token-about">
        <strong>{name}</strong>
        <span>{about.join(', ')}</span>
        {client.redirectUris.map((uri) => (
          <span key={uri}>{uri}</span>
        ))}
      </div>
      <div class="token-deeds">
        {!client.public && (
          <Sure
            words={{
              go: t('clients.rotate'),
              of: t('clients.rotate.of', { name }),
              sure: t('clients.rotate.sure', { name }),
              keep,
            }}
            go={rotate}
          />
        )}
        <Sure
          words={{
            go: t('clients.delete'),
            of: t('clients.delete.of', { name }),
            sure: t('clients.delete.sure', { name }),
            keep,
          }}
          go={drop}
        />
      </div>
    </li>
  );
}

interface RegisterProps {
  register: (entry: {
    name: string;
    redirectUris: string[];
    public: boolean;
  }) => Promise<Failure | 'invalid' | null>;
}

function Register({ register }: RegisterProps) {
  const name = useSignal('');
  const uris = useSignal('');
  const open = useSignal(false);
  const busy = useSignal(false);
  const nameProblem = useSignal<string | null>(null);
  const urisProblem = useSignal<string | null>(null);
  const nameField = useRef<HTMLInputElement>(null);
  const urisField = useRef<HTMLInputElement>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    const chosen = name.value.trim();
    const redirectUris = uris.value.split(/\s+/).filter((uri) => uri !== '');
    nameProblem.value = chosen === '' ? t('clients.name.empty') : null;
    urisProblem.value = redirectUris.length === 0 ? t('clients.uris.bad') : null;
    if (nameProblem.value ?? urisProblem.value) {
      (nameProblem.value ? nameField : urisField).current?.focus();
      return;
    }
    busy.value = true;
    const why = await register({ name: chosen, redirectUris, public: open.value });
    busy.value = false;
    if (why === null) {
      name.value = '';
      uris.value = '';
      open.value = false;
    } else if (why === 'invalid') {
      urisProblem.value = t('clients.uris.bad');
      urisField.current?.focus();
    } else {
      nameProblem.value = problemOf(why);
    }
  };
  return (
    <form class="panel-fields" noValidate onSubmit={(event) => void submit(event)}>
      <TextField
        label={t('clients.name')}
        hint={t('clients.name.hint')}
        maxLength={100}
        value={name.value}
        input={(value) => {
          name.value = value;
          nameProblem.value = null;
        }}
        error={nameProblem.value}
        field={nameField}
      />
      <TextField
        label={t('clients.uris')}
        hint={t('clients.uris.hint')}
        value={uris.value}
        input={(value) => {
          uris.value = value;
          urisProblem.value = null;
        }}
        error={urisProblem.value}
        field={urisField}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={open.value}
          onChange={(event) => (open.value = event.currentTarget.checked)}
        />
        {t('clients.kind')}
      </label>
      <button type="submit" class="button button-primary" aria-disabled={busy.value}>
        {t('clients.create')}
      </button>
    </form>
  );
}
