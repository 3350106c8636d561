// What a signed-in host finds first: its own meeting, to share or to start.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from '../../components/icon';
import type { Account } from '../../config/page';
import { t } from '../../i18n/text';

export interface OwnActions {
  /** Starts the meeting. */
  start: () => void;
  /** Copies the link; answers whether that worked. */
  copy: (link: string) => Promise<boolean>;
}

const COPIED_FOR_MS = 2_500;

export function Own({
  account,
  link,
  actions,
  path,
}: {
  account: Account;
  link: string;
  path: string;
  actions: OwnActions;
}) {
  const copied = useSignal(false);
  const address = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!copied.value) return undefined;
    const timer = setTimeout(() => (copied.value = false), COPIED_FOR_MS);
    return () => clearTimeout(timer);
  }, [copied.value]);
  const copy = async () => {
    address.current?.select();
    copied.value = await actions.copy(link);
  };
  return (
    <div class="own">
      <h1>{t('home.hello', { name: account.name })}</h1>
      <p class="home-lead">{t('home.own.lead')}</p>
      <div class="field">
        <label for="own-link">{t('home.own.link')}</label>
        <div class="own-link">
          <input id="own-link" ref={address} type="text" readOnly value={link} />
          <button type="button" class="button" onClick={() => void copy()}>
            <Icon name={copied.value ? 'check' : 'link'} size={18} />
            {t(copied.value ? 'home.own.copied' : 'home.own.copy')}
          </button>
        </div>
        <p class="visually-hidden" role="status">
          {copied.value ? t('toast.copied') : ''}
        </p>
      </div>
      <a
        class="button button-primary button-large own-start"
        href={path}
        onClick={(event) => {
          event.preventDefault();
          actions.start();
        }}
      >
        <Icon name="camera" size={20} />
        {t('home.own.start')}
      </a>
    </div>
  );
}
