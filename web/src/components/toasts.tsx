// Short notices, read out by screen readers, gone after a while.
import { signal, type Signal } from '@preact/signals';
import { t } from '../i18n/text';
import { Icon, type IconName } from './icon';

export interface Toast {
  id: number;
  text: string;
  icon: IconName | null;
  alarming: boolean;
}

const SHOWN_FOR_MS = 5_000;
const MOST = 3;

/** The notices of a page. */
export class Toasts {
  readonly list: Signal<readonly Toast[]> = signal([]);
  /** Read out but not shown: what the visitor sees anyway. */
  readonly spoken = signal('');
  private next = 1;
  private silence: ReturnType<typeof setTimeout> | undefined;

  show(text: string, options: { icon?: IconName; alarming?: boolean } = {}): void {
    const toast: Toast = {
      id: this.next,
      text,
      icon: options.icon ?? null,
      alarming: options.alarming ?? false,
    };
    this.next += 1;
    this.list.value = [...this.list.peek(), toast].slice(-MOST);
    const time = toast.alarming ? SHOWN_FOR_MS * 2 : SHOWN_FOR_MS;
    setTimeout(() => this.dismiss(toast.id), time);
  }

  say(text: string): void {
    this.spoken.value = text;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.spoken.value = ''), SHOWN_FOR_MS);
  }

  /** Takes them all away: what they tell of is over. */
  clear(): void {
    this.list.value = [];
  }

  dismiss(id: number): void {
    this.list.value = this.list.peek().filter((toast) => toast.id !== id);
  }
}

export function ToastList({ toasts }: { toasts: Toasts }) {
  return (
    <div class="toasts">
      <div role="status" aria-live="polite" class="toast-region">
        {toasts.list.value.map((toast) => (
          <div key={toast.id} class={toast.alarming ? 'toast toast-alarming' : 'toast'}>
            {toast.icon && <Icon name={toast.icon} size={20} />}
            <span>{toast.text}</span>
            <button
              type="button"
              class="toast-close"
              aria-label={t('toast.dismiss')}
              onClick={() => toasts.dismiss(toast.id)}
            >
              <Icon name="close" size={16} />
            </button>
          </div>
        ))}
      </div>
      <div class="visually-hidden" role="status" aria-live="polite">
        {toasts.spoken.value}
      </div>
    </div>
  );
}
