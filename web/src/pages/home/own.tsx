// What a signed-in host finds first: its own meeting, to share or to start.
import { CopyField } from '../../components/copy-field';
import { Icon } from '../../components/icon';
import type { Account } from '../../config/page';
import { t } from '../../i18n/text';

export interface OwnActions {
  /** Starts the meeting. */
  start: () => void;
  /** Copies the link; answers whether that worked. */
  copy: (link: string) => Promise<boolean>;
}

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
  return (
    <div class="own">
      <h1>{t('home.hello', { name: account.name })}</h1>
      <p class="home-lead">{t('home.own.lead')}</p>
      <CopyField
        label={t('home.own.link')}
        value={link}
        copy={actions.copy}
        words={{ copy: t('home.own.copy'), copied: t('home.own.copied') }}
      />
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
