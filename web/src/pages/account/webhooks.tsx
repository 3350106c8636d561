import { useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import type { Fetch } from '../../account/session';
import {
  createWebhook,
  deleteWebhook,
  updateWebhook,
  type WebhookEdit,
} from '../../account/webhooks';
import { CopyField, toClipboard } from '../../components/copy-field';
import { Icon } from '../../components/icon';
import { Sure } from '../../components/sure';
import type { AccountPage } from '../../config/page';
import type { Webhook, WebhookFailure } from '../../config/webhooks';
import { t } from '../../i18n/text';
import type { Around } from './account';
import { Deliveries } from './deliveries';
import { WebhookForm } from './webhook-form';
import { problemOf, said } from './webhook-words';

type WebhooksPage = Extract<AccountPage, { page: 'webhooks' }>;

/** A company's webhooks: made, changed, looked into, deleted. */
export function Webhooks({ page, fetch, path }: { page: WebhooksPage } & Around) {
  const webhooks = useSignal(page.webhooks);
  const made = useSignal<{ webhook: Webhook; secret: string } | null>(null);
  const told = useSignal('');
  const heading = useRef<HTMLHeadingElement>(null);
  const create = async (entry: { url: string; events: readonly string[] | null }) => {
    const done = await createWebhook(fetch, path, entry);
    if (!done.ok) return problemOf(done);
    made.value = done.of;
    webhooks.value = [...webhooks.value, done.of.webhook];
    told.value = '';
    return null;
  };
  /** Changes one; answers what went wrong, if anything did. */
  const update = async (id: number, edit: WebhookEdit) => {
    const done = await updateWebhook(fetch, path, id, edit);
    if (!done.ok) return problemOf(done);
    const { signingToken, signingTokenFrom } = done.of;
    webhooks.value = webhooks.value.map((one) =>
      one.id === id ? done.of : { ...one, signingToken, signingTokenFrom },
    );
    return null;
  };
  const drop = async ({ id, url }: Webhook) => {
    const done = await deleteWebhook(fetch, path, id);
    if (!done.ok) return problemOf(done);
    webhooks.value = webhooks.value.filter((one) => one.id !== id);
    if (made.value?.webhook.id === id) made.value = null;
    told.value = t('webhooks.deleted', { url });
    heading.current?.focus();
    return null;
  };
  const first = webhooks.value[0];
  return (
    <div class="panel panel-wide">
      <h1 tabIndex={-1} ref={heading}>
        {t('webhooks.title')}
      </h1>
      <p class="panel-lead">{t('webhooks.lead', { company: page.tenant.company })}</p>
      <p class="token-told" role="status">
        {told.value}
      </p>
      {made.value && (
        <CopyField
          key={made.value.webhook.id}
          label={t('webhooks.made', { url: made.value.webhook.url })}
          value={made.value.secret}
          copy={toClipboard}
          words={{ copy: t('webhooks.copy'), copied: t('webhooks.copied') }}
          hint={t('webhooks.made.lead')}
          chosen
        />
      )}
      {first === undefined ? (
        <p>{t('webhooks.none')}</p>
      ) : (
        <ul class="tokens">
          {webhooks.value.map((webhook) => (
            <Row
              key={webhook.id}
              webhook={webhook}
              failure={page.failures.find(({ id }) => id === webhook.id)}
              events={page.events}
              update={(edit) => update(webhook.id, edit)}
              drop={() => drop(webhook)}
              fetch={fetch}
              path={path}
            />
          ))}
        </ul>
      )}
      {first?.signingToken && (
        <Token
          token={first.signingToken}
          from={first.signingTokenFrom}
          replace={() => update(first.id, { newSigningToken: true })}
        />
      )}
      <section class="hook-new" aria-label={t('webhooks.new')}>
        <h2>{t('webhooks.new')}</h2>
        <WebhookForm events={page.events} go={create} goes={t('webhooks.create')} />
      </section>
    </div>
  );
}

interface TokenProps {
  token: string;
  from: string | null;
  replace: () => Promise<string | null>;
}

function Token({ token, from, replace }: TokenProps) {
  return (
    <div class="hook-token">
      <CopyField
        key={token}
        label={t('webhooks.token')}
        value={token}
        copy={toClipboard}
        words={{ copy: t('webhooks.copy'), copied: t('webhooks.copied') }}
        hint={from ? t('webhooks.token.later', { date: said(from) }) : t('webhooks.token.hint')}
      />
      <Sure
        words={{
          go: t('webhooks.token.new'),
          of: t('webhooks.token.new.of'),
          sure: t('webhooks.token.new.sure'),
          keep: t('webhooks.keep'),
        }}
        go={replace}
      />
    </div>
  );
}

interface RowProps {
  webhook: Webhook;
  /** What went wrong last, when the page was made. */
  failure: WebhookFailure | undefined;
  events: readonly string[];
  update: (edit: WebhookEdit) => Promise<string | null>;
  drop: () => Promise<string | null>;
  fetch: Fetch;
  path: string;
}

function Row({ webhook, failure, events, update, drop, fetch, path }: RowProps) {
  const id = useId();
  const editing = useSignal(false);
  const looking = useSignal(false);
  const busy = useSignal(false);
  const told = useSignal('');
  const problem = useSignal<string | null>(null);
  const edit = useRef<HTMLButtonElement>(null);
  const { url, disabled } = webhook;
  const change = async (edit: WebhookEdit, done: string) => {
    if (busy.value) return;
    busy.value = true;
    told.value = '';
    problem.value = await update(edit);
    busy.value = false;
    if (problem.value === null) told.value = done;
  };
  const close = () => {
    editing.value = false;
    edit.current?.focus();
  };
  return (
    <li class="token">
      <div class="token-about">
        <strong>{url}</strong>
        <span>{webhook.events?.join(', ') ?? t('webhooks.everything')}</span>
        <State webhook={webhook} failure={failure} />
      </div>
      <div class="token-deeds">
        <button
          type="button"
          class="button button-small"
          aria-label={t('webhooks.ping.of', { url })}
          aria-disabled={busy.value}
          onClick={() => void change({ ping: true }, t('webhooks.pinged'))}
        >
          {t('webhooks.ping')}
        </button>
        <button
          type="button"
          class="button button-small"
          aria-label={t(disabled ? 'webhooks.switchOn.of' : 'webhooks.switchOff.of', { url })}
          aria-disabled={busy.value}
          onClick={() => void change({ enabled: disabled !== null }, '')}
        >
          {t(disabled ? 'webhooks.switchOn' : 'webhooks.switchOff')}
        </button>
        <button
          type="button"
          class="button button-small"
          ref={edit}
          aria-label={t('webhooks.edit.of', { url })}
          aria-expanded={editing.value}
          onClick={() => (editing.value = !editing.value)}
        >
          {t('webhooks.edit')}
        </button>
        <button
          type="button"
          class="button button-small"
          aria-label={t('webhooks.log.of', { url })}
          aria-expanded={looking.value}
          aria-controls={looking.value ? id : undefined}
          onClick={() => (looking.value = !looking.value)}
        >
          {t('webhooks.log')}
        </button>
        <Sure
          small
          words={{
            go: t('webhooks.delete'),
            of: t('webhooks.delete.of', { url }),
            sure: t('webhooks.delete.sure', { url }),
            keep: t('webhooks.keep'),
          }}
          go={drop}
        />
      </div>
      {problem.value && (
        <p class="field-error" role="alert">
          <Icon name="warning" size={16} />
          {problem.value}
        </p>
      )}
      <p class="token-told" role="status">
        {told.value}
      </p>
      {editing.value && (
        <WebhookForm
          events={events}
          webhook={webhook}
          go={async (entry) => {
            const problem = await update(entry);
            if (problem === null) {
              told.value = t('webhooks.saved');
              close();
            }
            return problem;
          }}
          goes={t('webhooks.save')}
          cancel={close}
        />
      )}
      {looking.value && <Deliveries id={id} webhook={webhook} fetch={fetch} path={path} />}
    </li>
  );
}

function State({ webhook, failure }: Pick<RowProps, 'webhook' | 'failure'>) {
  const { disabled, failingSince } = webhook;
  const last = failingSince !== null && failure && (
    <span>{t('webhooks.lastFailure', { date: said(failure.at), error: failure.error })}</span>
  );
  if (disabled) {
    const key = disabled.because === 'failing' ? 'webhooks.givenUp' : 'webhooks.off';
    return (
      <>
        <Warned text={t(key, { date: said(disabled.since) })} />
        {last}
      </>
    );
  }
  if (failingSince === null) {
    return (
      <span class="hook-state">
        <Icon name="check" size={16} />
        {t('webhooks.on')}
      </span>
    );
  }
  return (
    <>
      <Warned text={t('webhooks.failing', { date: said(failingSince) })} />
      {last}
    </>
  );
}

function Warned({ text }: { text: string }) {
  return (
    <span class="hook-state hook-state-bad">
      <Icon name="warning" size={16} />
      {text}
    </span>
  );
}
