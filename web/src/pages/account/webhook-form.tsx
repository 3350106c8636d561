import { useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import { TextField } from '../../components/fields';
import { Icon } from '../../components/icon';
import type { Webhook } from '../../config/webhooks';
import { t } from '../../i18n/text';

interface FormProps {
  /** What there is to be told of. */
  events: readonly string[];
  /** What is there already, of one that is changed. */
  webhook?: Webhook;
  /** Does it; answers what went wrong, if anything did. */
  go: (entry: { url: string; events: readonly string[] | null }) => Promise<string | null>;
  /** What the button says. */
  goes: string;
  cancel?: () => void;
}

/** Where a webhook goes and what it is told of. */
export function WebhookForm({ events, webhook, go, goes, cancel }: FormProps) {
  const url = useSignal(webhook?.url ?? '');
  const all = useSignal((webhook?.events ?? null) === null);
  const chosen = useSignal<readonly string[]>(webhook?.events ?? []);
  const busy = useSignal(false);
  const urlProblem = useSignal<string | null>(null);
  const eventsProblem = useSignal<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    const to = url.value.trim();
    urlProblem.value = to === '' ? t('webhooks.url.empty') : null;
    const none = !all.value && chosen.value.length === 0;
    eventsProblem.value = none ? t('webhooks.events.empty') : null;
    if (urlProblem.value !== null) field.current?.focus();
    if (urlProblem.value !== null || eventsProblem.value !== null) return;
    busy.value = true;
    urlProblem.value = await go({ url: to, events: all.value ? null : chosen.value });
    busy.value = false;
    if (urlProblem.value !== null) {
      field.current?.focus();
    } else if (!webhook) {
      url.value = '';
      all.value = true;
      chosen.value = [];
    }
  };
  return (
    <form class="panel-fields" noValidate onSubmit={(event) => void submit(event)}>
      <TextField
        label={t('webhooks.url')}
        hint={t('webhooks.url.hint')}
        maxLength={2048}
        value={url.value}
        input={(value) => {
          url.value = value;
          urlProblem.value = null;
        }}
        error={urlProblem.value}
        field={field}
      />
      <fieldset class="hook-events" aria-describedby={eventsProblem.value ? id : undefined}>
        <legend>{t('webhooks.events')}</legend>
        <label class="check">
          <input
            type="checkbox"
            checked={all.value}
            onChange={(event) => {
              all.value = event.currentTarget.checked;
              eventsProblem.value = null;
            }}
          />
          {t('webhooks.everything')}
        </label>
        {!all.value && (
          <div class="hook-event-list">
            {events.map((name) => (
              <label class="check" key={name}>
                <input
                  type="checkbox"
                  checked={chosen.value.includes(name)}
                  onChange={(event) => {
                    const others = chosen.value.filter((one) => one !== name);
                    chosen.value = event.currentTarget.checked ? [...others, name] : others;
                    eventsProblem.value = null;
                  }}
                />
                {name}
              </label>
            ))}
          </div>
        )}
        {eventsProblem.value && (
          <p class="field-error" id={id} role="alert">
            <Icon name="warning" size={16} />
            {eventsProblem.value}
          </p>
        )}
      </fieldset>
      <div class="token-deeds">
        <button type="submit" class="button button-primary" aria-disabled={busy.value}>
          {busy.value && <span class="spinner" aria-hidden="true" />}
          {busy.value ? t('webhooks.going') : goes}
        </button>
        {cancel && (
          <button type="button" class="button" onClick={cancel}>
            {t('webhooks.cancel')}
          </button>
        )}
      </div>
    </form>
  );
}
