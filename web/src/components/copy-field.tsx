// Something to copy: shown whole, with a button beside it.
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Icon } from './icon';

const COPIED_FOR_MS = 2_500;

interface CopyFieldProps {
  label: string;
  value: string;
  /** Copies it; answers whether that worked. */
  copy: (value: string) => Promise<boolean>;
  /** What the button says before and after. */
  words: { copy: string; copied: string };
  hint?: string;
  /** Whether the text is chosen as soon as it is shown. */
  chosen?: boolean;
}

export function CopyField({ label, value, copy, words, hint, chosen = false }: CopyFieldProps) {
  const id = useId();
  const copied = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (chosen) field.current?.select();
  }, [chosen]);
  useEffect(() => {
    if (!copied.value) return undefined;
    const timer = setTimeout(() => (copied.value = false), COPIED_FOR_MS);
    return () => clearTimeout(timer);
  }, [copied.value]);
  const go = async () => {
    field.current?.select();
    copied.value = await copy(value);
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="copy-field">
        <input id={id} ref={field} type="text" readOnly value={value} />
        <button type="button" class="button" onClick={() => void go()}>
          <Icon name={copied.value ? 'check' : 'link'} size={18} />
          {copied.value ? words.copied : words.copy}
        </button>
      </div>
      {hint && <p class="field-hint">{hint}</p>}
      <p class="visually-hidden" role="status">
        {copied.value ? words.copied : ''}
      </p>
    </div>
  );
}

/** Copies to the clipboard; answers whether that worked. */
export function toClipboard(text: string): Promise<boolean> {
  return navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}
