import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Fetch } from '../../account/session';
import { deliveriesOf, redeliver } from '../../account/webhooks';
import { Icon } from '../../components/icon';
import type { Delivery, Webhook } from '../../config/webhooks';
import { plural, t } from '../../i18n/text';
import { problemOf, said } from './webhook-words';

interface DeliveriesProps {
  id: string;
  webhook: Webhook;
  fetch: Fetch;
  path: string;
}

/** What was sent to a webhook and what came of it, the latest first. */
export function Deliveries({ id, webhook, fetch, path }: DeliveriesProps) {
  const deliveries = useSignal<readonly Delivery[] | null>(null);
  const next = useSignal<string | null>(null);
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const load = async (after: string | null) => {
    if (busy.value) return;
    busy.value = true;
    const done = await deliveriesOf(fetch, path, webhook.id, after);
    busy.value = false;
    problem.value = done.ok ? null : problemOf(done);
    if (!done.ok) return;
    const before = after === null ? [] : (deliveries.value ?? []);
    deliveries.value = [...before, ...done.of.deliveries];
    next.value = done.of.next;
  };
  useEffect(() => void load(null), [webhook.id]);
  const again = async (delivery: Delivery) => {
    const done = await redeliver(fetch, path, webhook.id, delivery.id);
    if (!done.ok) {
      return done.why === 'full' ? t('deliveries.disabled') : problemOf(done);
    }
    deliveries.value = (deliveries.value ?? []).map((one) =>
      one.id === delivery.id ? done.of : one,
    );
    return null;
  };
  return (
    <div
      class="hook-log"
      id={id}
      role="group"
      aria-label={t('webhooks.log.of', { url: webhook.url })}
      aria-busy={busy.value}
    >
      {problem.value && (
        <p class="field-error" role="alert">
          <Icon name="warning" size={16} />
          {problem.value}
        </p>
      )}
      {deliveries.value?.length === 0 && <p>{t('deliveries.none')}</p>}
      <ul class="tokens">
        {deliveries.value?.map((delivery) => (
          <Sent key={delivery.id} delivery={delivery} again={() => again(delivery)} />
        ))}
      </ul>
      <div class="token-deeds">
        <button type="button" class="button button-small" onClick={() => void load(null)}>
          {t('deliveries.again')}
        </button>
        {next.value !== null && (
          <button type="button" class="button button-small" onClick={() => void load(next.value)}>
            {t('deliveries.more')}
          </button>
        )}
      </div>
    </div>
  );
}

function outcome({ state, attempts, status, error, next }: Delivery): string {
  switch (state) {
    case 'delivered':
      return plural('deliveries.delivered', attempts, { status: status ?? '' });
    case 'failed':
      return plural('deliveries.failed', attempts, { error: error ?? '' });
    case 'waiting':
      if (error === null || next === null) return t('deliveries.soon');
      return plural('deliveries.waiting', attempts, { error, date: said(next) });
  }
}

const ICONS = { delivered: 'check', failed: 'warning', waiting: 'clock' } as const;

function Sent({ delivery, again }: { delivery: Delivery; again: () => Promise<string | null> }) {
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const { event, state, timestamp } = delivery;
  const date = said(timestamp);
  const send = async () => {
    if (busy.value) return;
    busy.value = true;
    problem.value = await again();
    busy.value = false;
  };
  return (
    <li class="token">
      <div class="token-about">
        <strong>{event}</strong>
        <span>{date}</span>
        <span class={`hook-state ${state === 'failed' ? 'hook-state-bad' : ''}`}>
          <Icon name={ICONS[state]} size={16} />
          {outcome(delivery)}
        </span>
        {problem.value && (
          <p class="field-error" role="alert">
            {problem.value}
          </p>
        )}
      </div>
      <button
        type="button"
        class="button button-small"
        aria-label={t('deliveries.resend.of', { event, date })}
        aria-disabled={busy.value}
        onClick={() => void send()}
      >
        {t('deliveries.resend')}
      </button>
    </li>
  );
}
