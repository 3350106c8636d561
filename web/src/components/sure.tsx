// A button that asks once more before it does what cannot be undone.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

interface SureProps {
  words: { go: string; of: string; sure: string; keep: string };
  /** Does it; answers what went wrong, if anything did. */
  go: () => Promise<string | null>;
  small?: boolean;
}

export function Sure({ words, go, small = false }: SureProps) {
  const asking = useSignal(false);
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  const keep = useRef<HTMLButtonElement>(null);
  const ask = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);
  useEffect(() => {
    if (asking.value) keep.current?.focus();
    else if (asked.current) ask.current?.focus();
    asked.current = asking.value;
  }, [asking.value]);
  const sure = async () => {
    if (busy.value) return;
    busy.value = true;
    problem.value = await go();
    busy.value = false;
    if (problem.value === null) asking.value = false;
  };
  if (!asking.value) {
    return (
      <button
        type="button"
        class={`button ${small ? 'button-small' : ''}`}
        ref={ask}
        aria-label={words.of}
        onClick={() => (asking.value = true)}
      >
        {words.go}
      </button>
    );
  }
  return (
    <div class="token-sure" role="group" aria-label={words.of}>
      <p>{words.sure}</p>
      <button type="button" class="button button-danger" onClick={() => void sure()}>
        {words.go}
      </button>
      <button type="button" class="button" ref={keep} onClick={() => (asking.value = false)}>
        {words.keep}
      </button>
      {problem.value && (
        <p class="field-error" role="alert">
          {problem.value}
        </p>
      )}
    </div>
  );
}
