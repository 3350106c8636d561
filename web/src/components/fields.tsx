// Form fields with their labels, hints and errors tied together.
import { useSignal } from '@preact/signals';
import type { Ref } from 'preact';
import { useId } from 'preact/hooks';
import { t } from '../i18n/text';
import { Icon, type IconName } from './icon';

const TEXT = { type: 'text' } as const;
const EMAIL = { type: 'email' } as const;
const SECRET = { type: 'password' } as const;

interface TextFieldProps {
  label: string;
  value: string;
  input: (value: string) => void;
  error?: string | null;
  hint?: string;
  type?: 'text' | 'email';
  /** What password managers know it by. */
  name?: string;
  inputMode?: 'numeric' | 'text' | 'email';
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
        {...(props.type === 'email' ? EMAIL : TEXT)}
        name={props.name}
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

interface PasswordFieldProps {
  label: string;
  value: string;
  input: (value: string) => void;
  error?: string | null;
  hint?: string;
  autocomplete: 'current-password' | 'new-password';
  field?: Ref<HTMLInputElement>;
}

/** A password, which its owner can look at while typing. */
export function PasswordField(props: PasswordFieldProps) {
  const id = useId();
  const shown = useSignal(false);
  const { error, hint } = props;
  const described = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <div class="reveal">
        <input
          id={id}
          ref={props.field}
          {...(shown.value ? TEXT : SECRET)}
          name="password"
          value={props.value}
          autocomplete={props.autocomplete}
          spellcheck={false}
          autocapitalize="off"
          aria-invalid={error ? true : undefined}
          aria-describedby={described}
          onInput={(event) => props.input(event.currentTarget.value)}
        />
        <button
          type="button"
          aria-pressed={shown.value}
          aria-label={t('field.password.show')}
          onClick={() => (shown.value = !shown.value)}
        >
          {t(shown.value ? 'field.hide' : 'field.show')}
        </button>
      </div>
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
