// Form fields with their labels, hints and errors tied together.
import type { Ref } from 'preact';
import { useId } from 'preact/hooks';
import { Icon, type IconName } from './icon';

interface TextFieldProps {
  label: string;
  value: string;
  input: (value: string) => void;
  error?: string | null;
  hint?: string;
  inputMode?: 'numeric' | 'text';
  autocomplete?: string;
  maxLength?: number;
  large?: boolean;
  field?: Ref<HTMLInputElement>;
}

export function TextField(props: TextFieldProps) {
  const id = useId();
  const { error, hint } = props;
  const described = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return (
    <div class={`field ${props.large ? 'field-large' : ''}`}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        ref={props.field}
        type="text"
        value={props.value}
        inputMode={props.inputMode ?? 'text'}
        autocomplete={props.autocomplete ?? 'off'}
        maxLength={props.maxLength}
        spellcheck={false}
        aria-invalid={error ? true : undefined}
        aria-describedby={described}
        onInput={(event) => props.input(event.currentTarget.value)}
      />
      {hint && !error && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field-error" id={`${id}-error`} role="alert">
          <Icon name="warning" size={16} />
          {error}
        </p>
      )}
    </div>
  );
}

interface SelectProps {
  label: string;
  icon: IconName;
  value: string | null;
  options: readonly { id: string; label: string }[];
  change: (id: string) => void;
  empty: string;
}

export function SelectField({ label, icon, value, options, change, empty }: SelectProps) {
  const id = useId();
  const known = options.some((option) => option.id === value);
  return (
    <div class="select">
      <label for={id} class="select-label">
        <Icon name={icon} size={20} />
        <span class="visually-hidden">{label}</span>
      </label>
      <select
        id={id}
        value={known ? (value ?? '') : (options[0]?.id ?? '')}
        disabled={options.length === 0}
        onChange={(event) => change(event.currentTarget.value)}
      >
        {options.length === 0 && <option value="">{empty}</option>}
        {options.map((option) => (
          <option key={option.id} value={option.id}>
            {option.label}
          </option>
        ))}
      </select>
    </div>
  );
}

interface SwitchProps {
  label: string;
  hint?: string;
  on: boolean;
  change: (on: boolean) => void;
}

export function Switch({ label, hint, on, change }: SwitchProps) {
  const id = useId();
  return (
    <div class="switch-row">
      <div>
        <span id={id}>{label}</span>
        {hint && <p class="field-hint">{hint}</p>}
      </div>
      <button
        type="button"
        role="switch"
        class="switch"
        aria-checked={on}
        aria-labelledby={id}
        onClick={() => change(!on)}
      >
        <span class="switch-knob">{on && <Icon name="check" size={14} />}</span>
      </button>
    </div>
  );
}
